#include "tests/kernels/cuda/support.hpp"

#include <memory>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/body/portable.hpp"
#include "kernels/reference/dequantise.hpp"

namespace troupe::kernels::test {

backend& gpu_backend() {
  static const std::unique_ptr<backend> instance = cuda::make_cuda_backend("emulated");
  return *instance;
}

std::vector<float> rounded(std::vector<float> values) {
  for (float& v : values) v = cuda::from_bf16(cuda::to_bf16(v));
  return values;
}

rounded_matrix::rounded_matrix(const matrix& from)
    : rows_(from.rows), cols_(from.cols), values_(std::size_t{from.rows} * from.cols) {
  for (std::uint32_t r = 0; r < rows_; ++r)
    reference::dequantise_row(from, r, values_.data() + std::size_t{r} * cols_);
  if (from.type != dtype::f8_e4m3) values_ = rounded(values_);
}

matrix rounded_matrix::view() const {
  return {reinterpret_cast<const std::byte*>(values_.data()), nullptr, dtype::f32, rows_, cols_};
}

gpu_experts::gpu_experts(dtype type, std::uint32_t count, std::uint32_t hidden, std::uint32_t inner,
                         generator& random) {
  owned.reserve(std::size_t{3} * count);
  exact.reserve(std::size_t{3} * count);
  const auto make = [&](std::uint32_t rows, std::uint32_t cols) {
    owned.emplace_back(type, rows, cols, random);
    exact.emplace_back(owned.back().view());
  };
  for (std::uint32_t e = 0; e < count; ++e) {
    make(inner, hidden);
    make(inner, hidden);
    make(hidden, inner);
    const std::size_t at = std::size_t{3} * e;
    weights.push_back({owned[at].view(), owned[at + 1].view(), owned[at + 2].view()});
    rounded_weights.push_back({exact[at].view(), exact[at + 1].view(), exact[at + 2].view()});
  }
}

}  // namespace troupe::kernels::test
