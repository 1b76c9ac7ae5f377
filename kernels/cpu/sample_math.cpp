#include "kernels/cpu/sample_math.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

// Plain loops over fixed lanes: the compiler turns them into vector instructions, and the order of
// every sum is written down here rather than chosen by the instruction set.
namespace troupe::kernels::cpu::sampling {
namespace {

constexpr std::uint32_t float_lanes = 16;
constexpr std::uint32_t double_lanes = 8;

/// exp(-|x|): splits it into n ln 2 + r with |r| <= ln 2 / 2, sums eight terms of r's series and
/// puts n into the exponent. Relative error about 1e-7; exactly 1 at 0; 0 for NaN.
inline float exp_of_negative(float x) {
  constexpr float round_to_integer = 12582912.0F;  // 1.5 * 2^23: adding it leaves no fraction bits
  constexpr float ln2_high = 0.693359375F;         // exact in few bits, so that n * it is exact
  constexpr float ln2_low = -2.12194440e-4F;
  // Integers order as the magnitudes they stand for; with them the limit takes no branch, and the
  // compiler makes vector code of the loops around this.
  constexpr auto lowest = std::bit_cast<std::int32_t>(87.0F);
  const std::int32_t magnitude = std::bit_cast<std::int32_t>(x) & 0x7FFFFFFF;
  const auto mask = static_cast<std::uint32_t>((magnitude - lowest - 1) >> 31);
  const float in_range = -std::bit_cast<float>(std::min(magnitude, lowest));
  const float shifted = in_range * 1.44269504F + round_to_integer;
  const float n = shifted - round_to_integer;
  const float r = (in_range - n * ln2_high) - n * ln2_low;
  float s = 1.0F / 5040;
  s = s * r + 1.0F / 720;
  s = s * r + 1.0F / 120;
  s = s * r + 1.0F / 24;
  s = s * r + 1.0F / 6;
  s = s * r + 0.5F;
  s = s * r + 1.0F;
  s = s * r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) - 0x4B400000U + 127U)
                                 << 23U;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(s * std::bit_cast<float>(exponent)) &
                              mask);
}

}  // namespace

void clean(float* x, std::uint32_t n) {
  for (std::uint32_t i = 0; i < n; ++i) {
    const float v = x[i] < FLT_MAX ? x[i] : FLT_MAX;
    x[i] = x[i] == x[i] ? v : minus_infinity;
  }
}

float largest(const float* x, std::uint32_t n) {
  float lane[float_lanes];
  std::fill_n(lane, float_lanes, minus_infinity);
  std::uint32_t i = 0;
  for (; i + float_lanes <= n; i += float_lanes)
    for (std::uint32_t j = 0; j < float_lanes; ++j)
      lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  for (; i < n; ++i) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
  return *std::max_element(lane, lane + float_lanes);
}

void weigh(const float* x, std::uint32_t n, float top, float temperature, float* out) {
  for (std::uint32_t i = 0; i < n; ++i) out[i] = exp_of_negative((x[i] - top) / temperature);
}

double total(const float* w, std::uint32_t n) {
  double lane[double_lanes] = {};
  std::uint32_t i = 0;
  for (; i + double_lanes <= n; i += double_lanes)
    for (std::uint32_t j = 0; j < double_lanes; ++j) lane[j] += static_cast<double>(w[i + j]);
  for (std::uint32_t j = 0; i < n; ++i, ++j) lane[j] += static_cast<double>(w[i]);
  double sum = 0;
  for (const double l : lane) sum += l;
  return sum;
}

double weight_sum(const float* x, std::uint32_t n, float top, float temperature) {
  double sum = 0;
  float part[block];
  for (std::uint32_t i = 0; i < n; i += block) {
    const std::uint32_t m = std::min(block, n - i);
    weigh(x + i, m, top, temperature, part);
    sum += total(part, m);
  }
  return sum;
}

double log_sum_exp(const float* x, std::uint32_t n) {
  const float top = std::min(largest(x, n), FLT_MAX);
  if (top == minus_infinity) return minus_infinity;
  double sum = 0;
  float part[block];
  float weights[block];
  for (std::uint32_t i = 0; i < n; i += block) {
    const std::uint32_t m = std::min(block, n - i);
    std::memcpy(part, x + i, m * sizeof(float));
    clean(part, m);
    weigh(part, m, top, 1.0F, weights);
    sum += total(weights, m);
  }
  return static_cast<double>(top) + std::log(sum);
}

}  // namespace troupe::kernels::cpu::sampling
