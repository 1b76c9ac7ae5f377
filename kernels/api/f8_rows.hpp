#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// Columns of an FP8 row that share a scale.
inline constexpr std::uint32_t f8_group = 128;
/// What a group's exponent byte may be: 2^(byte - 127) is its scale, as in E8M0 of the OCP MX
/// formats. Within these bounds nothing that a row stands for is a subnormal float32 or overflows.
inline constexpr std::uint32_t f8_least_exponent = 10;
inline constexpr std::uint32_t f8_most_exponent = 246;

/// Bytes of one FP8 row: a code for each column, an exponent byte for each group (the last may be
/// short), zeros up to a multiple of 64.
[[nodiscard]] constexpr std::size_t f8_row_bytes(std::size_t cols) {
  return (cols + (cols + f8_group - 1) / f8_group + 63) / 64 * 64;
}

/// Rows of float32 as FP8 e4m3 (OCP: no infinities, largest 448) with a power of two for every
/// group. Row r goes to out + r * f8_row_bytes(cols).
///
/// A group's exponent byte is the least within its bounds with which the largest magnitude of the
/// group, NaN left out, rounds to at most 448; in float32's bits that is ((largest + 0x17ffff) >>
/// 23) - 8. Elements are divided by the scale and rounded to nearest, ties to even. Infinities, and
/// what even the largest scale leaves above 448, become 448 with their sign; NaN stays NaN; zeros
/// keep their sign, and so does what rounds to zero. A group of zeros, or of nothing but NaN, has
/// the least exponent.
///
/// Encoding what decode_rows made of encoded rows gives the same bytes.
struct encode_rows_params {
  const float* x = nullptr;
  std::byte* out = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

/// The numbers that FP8 rows stand for, code times scale, exactly: as float32, as integer groups
/// (which are what quantising those float32 numbers gives), or both: whatever `out` asks for. NaN
/// comes as a quiet one with its sign; integer groups are defined for rows without NaN.
struct decode_rows_params {
  const std::byte* in = nullptr;
  activation out;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

}  // namespace troupe::kernels
