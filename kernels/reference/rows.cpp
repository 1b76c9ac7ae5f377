#include <algorithm>
#include <cmath>

#include "kernels/reference/dequantise.hpp"
#include "kernels/reference/ops.hpp"
#include "kernels/reference/product.hpp"

namespace troupe::kernels::reference {

void embed(const embed_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r)
    dequantise_row(p.table, static_cast<std::uint32_t>(p.ids[r]),
                   p.out + std::size_t{r} * p.table.cols);
}

void gather_rows(const gather_rows_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r)
    std::copy_n(p.in + std::size_t{p.index[r]} * p.cols, p.cols, p.out + std::size_t{r} * p.cols);
}

void rms_norm(const rms_norm_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + std::size_t{r} * p.cols;
    double squares = 0;
    for (std::uint32_t i = 0; i < p.cols; ++i) squares += double{x[i]} * double{x[i]};
    const double root = std::sqrt(squares / p.cols + double{p.eps});
    std::vector<float> out(p.cols);
    for (std::uint32_t i = 0; i < p.cols; ++i)
      out[i] = static_cast<float>(x[i] / root * double{p.weight[i]});
    write_activation(out, r, p.out);
  }
}

void combine(const combine_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    for (std::uint32_t i = 0; i < p.cols; ++i) {
      double total = 0;
      for (std::uint32_t k = 0; k < p.top_k; ++k) {
        const std::size_t slot = std::size_t{r} * p.top_k + k;
        const double weight = p.weights == nullptr ? 1.0 : double{p.weights[slot]};
        total += weight * double{p.outputs[slot * p.cols + i]};
      }
      p.x[std::size_t{r} * p.cols + i] += static_cast<float>(total);
    }
  }
}

}  // namespace troupe::kernels::reference
