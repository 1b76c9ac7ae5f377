#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/dtype.hpp"

namespace troupe::kernels {

/// A weight matrix W[rows, cols], row-major, borrowed: whoever fills this in keeps the memory
/// alive. A linear layer computes y = x W^T, so `rows` is the output width and `cols` the input
/// width.
struct matrix {
  const std::byte* data = nullptr;
  /// FP8 only: one scale per 128x128 block, row-major, ceil(rows/128) x ceil(cols/128).
  const float* scales = nullptr;
  dtype type = dtype::f32;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;

  [[nodiscard]] explicit operator bool() const { return data != nullptr; }
  [[nodiscard]] std::size_t bytes() const { return row_bytes(type, cols) * rows; }
};

/// Rows of activations on their way into a matrix product. A producer fills every part that is not
/// null; a product reads the part that suits its weight. Row r starts at `f32 + r * cols` and at
/// `q8 + r * q8_row_bytes(cols)`.
struct activation {
  float* f32 = nullptr;
  std::byte* q8 = nullptr;
  std::uint32_t cols = 0;
};

/// Length of a run of 8-bit activations that share a scale.
inline constexpr std::uint32_t q8_group = 32;

/// Bytes of one row of 8-bit activations: `cols` signed bytes, then per group of 32 a float scale,
/// then per group a float holding scale * (sum of the group's bytes); padded to 64.
/// `cols` must be a multiple of 32.
[[nodiscard]] constexpr std::size_t q8_row_bytes(std::size_t cols) {
  return (cols + cols / q8_group * 2 * sizeof(float) + 63) / 64 * 64;
}

}  // namespace troupe::kernels
