#pragma once

#include "runtime/base/result.hpp"
#include "runtime/model/config.hpp"

namespace troupe {

/// Checks what `model_config` promises, whatever file it was read from. Fails with `corrupt`,
/// naming the value, or with `unsupported` where the kernels have a limit.
[[nodiscard]] result<void> check(const model_config& config);

}  // namespace troupe
