#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/body/attention_work.hpp"

namespace troupe::kernels::cuda {

/// Grid: rows, heads. Merges what thread blocks that shared a row left behind.
struct attention_merge_kernel {
  using params = attention_work;
  static constexpr std::uint32_t threads = attention_threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& w) {
    if (!is_shared(w, t.x())) return;
    const std::uint32_t dim = w.p.cache.head_dim;
    const std::uint32_t blocks =
        blocks_before(static_cast<std::uint32_t>(w.p.where.position[t.x()]) + 1);
    float* out = w.p.out.f32 + (std::size_t{t.x()} * w.p.heads + t.y()) * dim;
    for (std::uint32_t d = t.thread(); d < dim; d += threads) {
      running state;
      float total = 0;
      for (std::uint32_t b = 0; b < blocks; ++b) {
        const float* part = partial_at(w, t.x(), b, t.y());
        state = merged(state, part[dim], part[dim + 1]);
        total = fmaf(total, state.keep, part[d] * state.take);
      }
      out[d] = total / state.sum;
    }
  }
};

}  // namespace troupe::kernels::cuda
