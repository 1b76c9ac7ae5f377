#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// y[r, n] = residual[r, n] + bias[n] + sum_k x[r, k] * w[n, k]
///
/// Reads `x.q8` when it is set and the weight is integer-quantised, else `x.f32`. `residual` and
/// `bias` may be null; `residual` may be `y`. The bits of y[r, n] depend on row r of x, on w and on
/// nothing else: not on `rows`, not on the number of threads.
struct linear_params {
  activation x;
  matrix w;
  const float* bias = nullptr;
  const float* residual = nullptr;
  float* y = nullptr;
  std::uint32_t rows = 0;
  /// Floats from one row of y (and of residual) to the next; at least w.rows.
  std::uint32_t y_stride = 0;
};

/// Several products of the same rows, side by side: part i writes w[i].rows columns of y after
/// those of the parts before it. Parts with a null matrix are left out. Otherwise as linear.
struct projections_params {
  static constexpr std::uint32_t most = 3;
  activation x;
  matrix w[most];
  const float* bias[most] = {};
  float* y = nullptr;
  std::uint32_t rows = 0;
  /// Floats from one row of y to the next; at least the sum of the parts' rows.
  std::uint32_t y_stride = 0;
};

}  // namespace troupe::kernels
