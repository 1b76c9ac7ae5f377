#pragma once

#include <cstdint>
#include <limits>

namespace troupe::kernels::cpu::sampling {

inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
/// Elements whose weights are computed at a time; every sum over a row is a sum of block sums.
inline constexpr std::uint32_t block = 64;

/// NaN becomes minus infinity, plus infinity the largest float: no later step meets either.
void clean(float* x, std::uint32_t n);
/// The largest element; minus infinity for none.
[[nodiscard]] float largest(const float* x, std::uint32_t n);
/// out[i] = exp((x[i] - top) / temperature), zero below e^-87; x[i] <= top, both cleaned. The same
/// bits for an element wherever it stands. `out` does not overlap `x`.
void weigh(const float* x, std::uint32_t n, float top, float temperature, float* out);
/// The sum in a fixed order.
[[nodiscard]] double total(const float* w, std::uint32_t n);
/// The sum of the weights of a row.
[[nodiscard]] double weight_sum(const float* x, std::uint32_t n, float top, float temperature);
/// log(sum exp(x)) of a row that may hold NaN and infinities; minus infinity where nothing is
/// finite.
[[nodiscard]] double log_sum_exp(const float* x, std::uint32_t n);

}  // namespace troupe::kernels::cpu::sampling
