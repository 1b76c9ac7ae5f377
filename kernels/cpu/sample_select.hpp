#pragma once

#include <cstdint>
#include <span>

namespace troupe::kernels::cpu::sampling {

struct candidate {
  float x = 0;
  std::int32_t token = 0;
};

/// Slots that top_candidates needs to find `k`.
[[nodiscard]] constexpr std::uint32_t candidate_slots(std::uint32_t k) { return 4 * k + 256; }

/// The `k` largest finite elements (fewer where there are fewer), largest first, ties by rising id.
/// `buffer` holds candidate_slots(k); the answer is its front.
[[nodiscard]] std::span<candidate> top_candidates(const float* x, std::uint32_t n, std::uint32_t k,
                                                  std::span<candidate> buffer);

/// Bins of one level of the selection below.
inline constexpr std::uint32_t histogram_bins = 2048;

/// Sets to minus infinity all but the `k` largest elements (ties: the lower ids stay). O(n).
void keep_top_k(float* x, std::uint32_t n, std::uint32_t k, std::span<double> histogram);

/// Sets to minus infinity all but the smallest set of most probable tokens whose weights reach
/// `target` (ties: the lower ids stay; at least one stays). O(n): no sort.
void keep_top_weight(float* x, std::uint32_t n, float top, float temperature, double target,
                     std::span<double> histogram);

}  // namespace troupe::kernels::cpu::sampling
