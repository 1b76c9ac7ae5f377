#pragma once

#include "runtime/base/result.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// Checks sampling defaults against the ranges that requests have. Fails with `corrupt`, naming the
/// value.
[[nodiscard]] result<void> check(const generation_defaults& defaults);

}  // namespace troupe
