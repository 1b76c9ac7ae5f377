#pragma once

#include "runtime/base/result.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe {

/// Whether the files can be used: all are there and readable, the key is the certificate's, and the
/// authority has signed it, for now. What they are used for ends a process that could not be. Says
/// which file is wrong, and why. Nothing to check is well.
[[nodiscard]] result<void> check(const tls_files& files);

}  // namespace troupe
