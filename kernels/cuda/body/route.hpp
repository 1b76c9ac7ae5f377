#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/experts.hpp"
#include "kernels/cuda/body/reduce.hpp"

// Which experts a row goes to, and which rows an expert gets.
namespace troupe::kernels::cuda {

/// A warp a row.
struct route_kernel {
  using params = route_params;
  static constexpr std::uint32_t threads = 128;
  static constexpr std::uint32_t rows_a_block = threads / warp_size;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const std::uint32_t row = t.x() * rows_a_block + t.warp();
    if (row >= p.rows) return;
    const float* logits = p.logits + std::size_t{row} * p.experts;
    float peak = minus_infinity;
    for (std::uint32_t e = t.lane(); e < p.experts; e += warp_size)
      peak = logits[e] > peak ? logits[e] : peak;
    peak = warp_largest(t, peak);
    float all = 0;
    for (std::uint32_t e = t.lane(); e < p.experts; e += warp_size) all += exp_of(logits[e] - peak);
    all = warp_sum(t, all);
    choose(t, p, row, peak, all);
  }

 private:
  template <class Thread>
  TROUPE_KERNEL static void choose(Thread& t, const params& p, std::uint32_t row, float peak,
                                   float all) {
    const float* logits = p.logits + std::size_t{row} * p.experts;
    const std::size_t at = std::size_t{row} * p.top_k;
    ranked last{std::numeric_limits<float>::infinity(), 0};
    float chosen = 0;
    for (std::uint32_t k = 0; k < p.top_k; ++k) {
      ranked best;
      for (std::uint32_t e = t.lane(); e < p.experts; e += warp_size) {
        const ranked here{logits[e], e};
        if ((k == 0 || before(last, here)) && before(here, best)) best = here;
      }
      last = warp_first(t, best);
      const float odds = exp_of(last.value - peak) / all;
      chosen += odds;
      if (t.lane() != 0) continue;
      // Only NaN leaves none; whatever stands here must be an expert.
      p.ids[at + k] = static_cast<std::int32_t>(last.id < p.experts ? last.id : k);
      p.weights[at + k] = odds;
    }
    if (t.lane() != 0 || !p.normalise) return;
    for (std::uint32_t k = 0; k < p.top_k; ++k) p.weights[at + k] /= chosen;
  }
};

/// A block an expert (one at least): each counts what earlier experts got, then lists its own.
struct group_kernel {
  using params = group_params;
  static constexpr std::uint32_t threads = 256;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    auto* room = t.template shared<std::uint32_t>();
    const std::uint32_t slots = p.rows * p.top_k;
    std::uint32_t earlier = 0;
    for (std::uint32_t s = t.thread(); s < slots; s += threads) {
      const std::uint32_t local = static_cast<std::uint32_t>(p.ids[s]) - p.first;
      earlier += local < p.count && local < t.x() ? 1 : 0;
    }
    std::uint32_t written = block_sum(t, earlier, room);
    if (t.thread() == 0) p.offsets[t.x()] = written;
    for (std::uint32_t from = 0; from < slots && t.x() < p.count; from += threads) {
      const std::uint32_t s = from + t.thread();
      const bool mine = s < slots && static_cast<std::uint32_t>(p.ids[s]) - p.first == t.x();
      const rank_in_block rank = block_rank(t, mine ? 1U : 0U, room);
      if (mine) p.slots[written + rank.before] = s;
      written += rank.all;
    }
    if (t.thread() == 0 && t.x() + 1 == p.count) p.offsets[p.count] = written;
  }
};

}  // namespace troupe::kernels::cuda
