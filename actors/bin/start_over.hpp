#pragma once

#include "runtime/base/error.hpp"

namespace troupe::cli {

/// Begins this process anew with its own command line: memory, threads and connections of its
/// former life go with the old image, whatever state they are in. Returns only where that fails.
[[nodiscard]] error start_over();

}  // namespace troupe::cli
