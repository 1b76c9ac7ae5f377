#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/dtype.hpp"

namespace troupe::kernels {

/// In which order a matrix's bytes lie.
enum class weight_layout : std::uint8_t {
  rows,   ///< row after row, as in model files
  tiles,  ///< as backend::pack wrote them: only that back end's products read it
};

/// A weight matrix W[rows, cols], borrowed: whoever fills this in keeps the memory alive. A linear
/// layer computes y = x W^T, so `rows` is the output width and `cols` the input width.
struct matrix {
  const std::byte* data = nullptr;
  /// FP8 only: one scale per 128x128 block, row-major, ceil(rows/128) x ceil(cols/128).
  const float* scales = nullptr;
  dtype type = dtype::f32;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  weight_layout layout = weight_layout::rows;

  [[nodiscard]] explicit operator bool() const { return data != nullptr; }
  /// Bytes in file order.
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

/// Length of a run of integer activations that share a scale.
inline constexpr std::uint32_t q8_group = 32;
/// The largest magnitude of an integer activation. With 8 bits instead, SmolLM2's logits would move
/// by up to 3; with 16 they move by less than 0.1.
inline constexpr std::int32_t q8_largest = 32767;

/// A run of integer activations: x[i] = scale * values[i].
struct q8_block {
  std::int16_t values[q8_group];
  float scale;
  float sum;  ///< scale * the sum of the 32 integers
};

/// Bytes of one row of integer activations, padded to 64. `cols` must be a multiple of 32.
[[nodiscard]] constexpr std::size_t q8_row_bytes(std::size_t cols) {
  return (cols / q8_group * sizeof(q8_block) + 63) / 64 * 64;
}

}  // namespace troupe::kernels
