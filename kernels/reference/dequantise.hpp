#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels::reference {

/// out[0 .. w.cols) = row `row` of w in float32.
void dequantise_row(const matrix& w, std::uint32_t row, float* out);

/// x[0 .. cols) as one row of integer activations (layout: kernels/api/matrix.hpp): scale = largest
/// magnitude / q8_largest, rounded to nearest, ties to even.
void quantise_row(const float* x, std::uint32_t cols, std::byte* row);

/// The float32 values that such a row stands for.
void dequantise_activation(const std::byte* row, std::uint32_t cols, float* out);

}  // namespace troupe::kernels::reference
