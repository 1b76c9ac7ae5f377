#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// CUDA's error in the project's table: "what: the CUDA error's own words (its number)".
[[nodiscard]] error cuda_error(cudaError_t code, std::string_view what);

/// After such an error the process's context is lost: every later call fails as well, and only a
/// new process can use the device again.
[[nodiscard]] bool is_sticky(cudaError_t code);

/// Nothing, or the error. Clears what CUDA remembers of errors that are not sticky.
[[nodiscard]] result<void> cuda_check(cudaError_t code, std::string_view what);

}  // namespace troupe
