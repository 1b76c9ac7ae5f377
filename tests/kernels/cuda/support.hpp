#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/cuda/emulated/stream.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

/// The GPU's back end, for any number of calls.
[[nodiscard]] backend& gpu_backend();

/// A matrix as the tensor cores' product reads it: rounded to BF16 (FP8 is exact and scaled
/// afterwards), given as float32.
class rounded_matrix {
 public:
  explicit rounded_matrix(const matrix& from);
  [[nodiscard]] matrix view() const;

 private:
  std::uint32_t rows_, cols_;
  std::vector<float> values_;
};

/// Numbers rounded to BF16.
[[nodiscard]] std::vector<float> rounded(std::vector<float> values);

/// Experts of one type and shape, and the same rounded.
struct gpu_experts {
  gpu_experts(dtype type, std::uint32_t count, std::uint32_t hidden, std::uint32_t inner,
              generator& random);
  std::vector<owned_matrix> owned;
  std::vector<rounded_matrix> exact;
  std::vector<expert_weights> weights;
  std::vector<expert_weights> rounded_weights;
};

/// A row of `rows` each alone, one after another, by `one(row, count)` which appends its results.
template <class One>
std::vector<float> rows_alone(std::uint32_t rows, const One& one) {
  std::vector<float> all;
  for (std::uint32_t r = 0; r < rows; ++r) {
    const std::vector<float> row = one(r, 1U);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

}  // namespace troupe::kernels::test
