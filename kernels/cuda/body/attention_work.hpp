#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/body/portable.hpp"

// What attention's kernels share: their work, and how partials of blocks of positions are merged.
namespace troupe::kernels::cuda {

/// Query vectors that share what a thread block reads.
inline constexpr std::uint32_t attention_queries = 16;
inline constexpr std::uint32_t attention_threads = 128;
/// Widest head.
inline constexpr std::uint32_t attention_most_dim = 256;

struct attention_work {
  attention_params p;
  float* partials = nullptr;      ///< null: no row is shared
  std::size_t room_of_row = 0;    ///< floats
  std::uint32_t row_tile = 1;     ///< rows of one thread block
  std::uint32_t head_chunks = 1;  ///< thread blocks for the heads of one KV head
  std::uint32_t splits = 1;       ///< thread blocks that share a row
};

[[nodiscard]] TROUPE_KERNEL std::uint32_t blocks_before(std::uint32_t positions) {
  return ceil_divide(positions, attention_block);
}
/// Floats of one block's partial for one head: values, then maximum and sum.
[[nodiscard]] TROUPE_KERNEL std::size_t partial_floats(const attention_params& p) {
  return std::size_t{p.cache.head_dim} + 2;
}
/// Whether several thread blocks work on a row: a function of its position and of the launch.
[[nodiscard]] TROUPE_KERNEL bool is_shared(const attention_work& w, std::uint32_t row) {
  const std::uint32_t blocks =
      blocks_before(static_cast<std::uint32_t>(w.p.where.position[row]) + 1);
  return w.partials != nullptr && w.splits > 1 && blocks > 1 &&
         blocks * w.p.heads * partial_floats(w.p) <= w.room_of_row;
}
[[nodiscard]] TROUPE_KERNEL float* partial_at(const attention_work& w, std::uint32_t row,
                                              std::uint32_t block, std::uint32_t head) {
  return w.partials + row * w.room_of_row +
         (std::size_t{block} * w.p.heads + head) * partial_floats(w.p);
}

/// A row's softmax so far: maximum and sum. `keep` and `take` scale the values of what was there
/// and of a block that comes.
struct running {
  float most = minus_infinity;
  float sum = 0;
  float keep = 0;
  float take = 0;
};
TROUPE_KERNEL running merged(const running& r, float most, float sum) {
  if (most == minus_infinity) return {r.most, r.sum, 1.0F, 0.0F};
  const float peak = most > r.most ? most : r.most;
  const float keep = r.most == minus_infinity ? 0.0F : exp_of(r.most - peak);
  const float take = exp_of(most - peak);
  return {peak, fmaf(r.sum, keep, sum * take), keep, take};
}

}  // namespace troupe::kernels::cuda
