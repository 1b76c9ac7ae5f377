#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// RMSNorm: out[r, i] = x[r, i] / sqrt(mean(x[r]^2) + eps) * weight[i] (Zhang & Sennrich 2019),
/// written as float32, as integer groups, or both: whatever `out` asks for.
struct rms_norm_params {
  const float* x = nullptr;
  const float* weight = nullptr;
  activation out;
  float eps = 1e-6F;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

}  // namespace troupe::kernels
