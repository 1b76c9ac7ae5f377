#include <algorithm>

#include "kernels/reference/dequantise.hpp"
#include "kernels/reference/ops.hpp"
#include "kernels/reference/product.hpp"

namespace troupe::kernels::reference {

std::vector<float> activation_row(const activation& x, const matrix& w, std::uint32_t row) {
  std::vector<float> values(w.cols);
  if (x.q8 != nullptr && is_integer_quantised(w.type))
    dequantise_activation(x.q8 + q8_row_bytes(w.cols) * row, w.cols, values.data());
  else
    std::copy_n(x.f32 + std::size_t{row} * w.cols, w.cols, values.data());
  return values;
}

std::vector<float> product(const std::vector<float>& x, const matrix& w) {
  std::vector<float> y(w.rows);
  std::vector<float> weights(w.cols);
  for (std::uint32_t n = 0; n < w.rows; ++n) {
    dequantise_row(w, n, weights.data());
    double total = 0;
    for (std::uint32_t k = 0; k < w.cols; ++k) total += double{x[k]} * double{weights[k]};
    y[n] = static_cast<float>(total);
  }
  return y;
}

void write_activation(const std::vector<float>& values, std::size_t row, const activation& out) {
  const auto cols = static_cast<std::uint32_t>(values.size());
  if (out.f32 != nullptr) std::copy(values.begin(), values.end(), out.f32 + row * cols);
  if (out.q8 != nullptr) quantise_row(values.data(), cols, out.q8 + row * q8_row_bytes(cols));
}

void linear(const linear_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    const std::vector<float> y = product(activation_row(p.x, p.w, r), p.w);
    const std::size_t at = std::size_t{r} * p.y_stride;
    for (std::uint32_t n = 0; n < p.w.rows; ++n) {
      const float bias = p.bias == nullptr ? 0.0F : p.bias[n];
      const float residual = p.residual == nullptr ? 0.0F : p.residual[at + n];
      p.y[at + n] = y[n] + bias + residual;
    }
  }
}

}  // namespace troupe::kernels::reference
