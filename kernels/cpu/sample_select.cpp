#include "kernels/cpu/sample_select.hpp"

#include <algorithm>
#include <bit>

#include "kernels/cpu/sample_math.hpp"

namespace troupe::kernels::cpu::sampling {
namespace {

bool before(const candidate& a, const candidate& b) {
  return a.x > b.x || (a.x == b.x && a.token < b.token);
}

/// An integer that orders as the float does (adding zero makes one zero of the two).
inline std::uint32_t order_key(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x + 0.0F);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

/// Elements at or above a cut stay: a larger key, or the same key and no later token.
struct cut {
  std::uint32_t key = 0;
  std::uint32_t last_token = 0;
};

/// Finds the cut at which the measure of what stays first reaches `target`, by three rounds of
/// histograms over the digits of the keys, highest first. `measure(x, n, out)` gives each element's
/// share; it is the same for equal elements, wherever they stand.
template <class Measure>
cut find_cut(const float* x, std::uint32_t n, double target, std::span<double> histogram,
             const Measure& measure) {
  constexpr std::uint32_t shifts[] = {21, 10, 0};
  constexpr std::uint32_t widths[] = {11, 11, 10};
  double above = 0;          // measure of everything in bins already passed
  std::uint32_t prefix = 0;  // digits fixed so far
  float share[block];
  for (int level = 0; level < 3; ++level) {
    const std::uint32_t shift = shifts[level];
    const std::uint32_t bins = 1U << widths[level];
    std::fill_n(histogram.begin(), bins, 0.0);
    for (std::uint32_t i = 0; i < n; i += block) {
      const std::uint32_t m = std::min(block, n - i);
      if (level == 0) {
        measure(x + i, m, share);
        for (std::uint32_t j = 0; j < m; ++j) histogram[order_key(x[i + j]) >> shift] += share[j];
        continue;
      }
      for (std::uint32_t j = 0; j < m; ++j) {
        const std::uint32_t key = order_key(x[i + j]);
        if (key >> (shift + widths[level]) != prefix) continue;
        measure(x + i + j, 1, share);
        histogram[(key >> shift) & (bins - 1)] += share[0];
      }
    }
    // The last bin that holds anything is taken even if rounding leaves the target out of reach.
    std::uint32_t chosen = bins;
    for (std::uint32_t b = bins; b-- > 0;) {
      if (histogram[b] == 0) continue;
      if (chosen != bins) above += histogram[chosen];
      chosen = b;
      if (above + histogram[b] >= target) break;
    }
    if (chosen == bins) return {0, n};
    prefix = level == 0 ? chosen : (prefix << widths[level]) | chosen;
  }
  cut found{prefix, n};
  for (std::uint32_t t = 0; t < n; ++t) {
    if (order_key(x[t]) != prefix) continue;
    measure(x + t, 1, share);
    above += share[0];
    found.last_token = t;
    if (above >= target) break;
  }
  return found;
}

void apply(float* x, std::uint32_t n, const cut& c) {
  for (std::uint32_t t = 0; t < n; ++t) {
    const std::uint32_t key = order_key(x[t]);
    if (key < c.key || (key == c.key && t > c.last_token)) x[t] = minus_infinity;
  }
}

}  // namespace

std::span<candidate> top_candidates(const float* x, std::uint32_t n, std::uint32_t k,
                                    std::span<candidate> buffer) {
  std::size_t held = 0;
  float floor = minus_infinity;  // only larger ones can still be among the first k
  const auto trim = [&] {
    std::nth_element(buffer.begin(), buffer.begin() + (k - 1), buffer.begin() + held, before);
    held = k;
    floor = buffer[k - 1].x;
  };
  for (std::uint32_t i = 0; i < n && k != 0; i += block) {
    const std::uint32_t m = std::min(block, n - i);
    if (!(largest(x + i, m) > floor)) continue;
    for (std::uint32_t j = 0; j < m; ++j) {
      if (!(x[i + j] > floor)) continue;
      buffer[held++] = {x[i + j], static_cast<std::int32_t>(i + j)};
      // What comes later and equals the floor has a higher id, so it loses the tie.
      if (held == buffer.size()) trim();
    }
  }
  if (held > k) trim();
  std::sort(buffer.begin(), buffer.begin() + held, before);
  return buffer.first(held);
}

void keep_top_k(float* x, std::uint32_t n, std::uint32_t k, std::span<double> histogram) {
  const auto count = [](const float*, std::uint32_t m, float* out) { std::fill_n(out, m, 1.0F); };
  apply(x, n, find_cut(x, n, k, histogram, count));
}

void keep_top_weight(float* x, std::uint32_t n, float top, float temperature, double target,
                     std::span<double> histogram) {
  const auto weight = [=](const float* part, std::uint32_t m, float* out) {
    weigh(part, m, top, temperature, out);
  };
  apply(x, n, find_cut(x, n, target, histogram, weight));
}

}  // namespace troupe::kernels::cpu::sampling
