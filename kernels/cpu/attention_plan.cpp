#include "kernels/cpu/attention_plan.hpp"

#include <algorithm>

#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {
namespace {

/// Query vectors of a tile: many enough that converting keys and values is a small part, few enough
/// that their scores stay in the second-level cache.
constexpr std::uint32_t most_queries = 96;
/// Fewer than this are not worth a tile of their own, as each tile reads its keys and values anew.
constexpr std::uint32_t least_queries = 24;
/// Tiles for each thread to choose from, and shared units likewise, so that all finish together.
constexpr std::uint32_t tiles_a_thread = 4;
constexpr std::uint32_t units_a_thread = 8;

std::uint32_t ceil_divide(std::uint32_t a, std::uint32_t b) { return (a + b - 1) / b; }

std::uint32_t kv_heads_per_unit(const attention_params& p) {
  const std::uint32_t width = p.heads / p.cache.kv_heads * p.cache.head_dim;
  return p.out.q8 != nullptr && width % q8_group != 0 ? p.cache.kv_heads : 1;
}

/// Bytes a unit needs: queries, scores, two partials and results, and converted keys or values.
std::size_t scratch_bytes(const attention_work& work, std::uint32_t rows) {
  const std::size_t queries = std::size_t{rows} * work.group();
  const std::size_t dim = work.p.cache.head_dim;
  const std::size_t floats = queries * (dim + attention_block) +
                             2 * partial_floats(queries, work.p.cache.head_dim) +
                             work.kv_heads_per_unit * queries * dim + attention_panel_floats;
  // Each of the six parts begins on a cache line.
  return floats * sizeof(float) + std::size_t{6} * 64;
}

std::uint64_t cost(const attention_work& work, const attention_tile& t) {
  // Reading a block costs about as much as eight queries of it.
  return std::uint64_t{t.blocks} * (t.rows * work.group() + 8);
}

std::uint32_t tile_rows(const attention_work& work, std::uint32_t threads) {
  const std::uint32_t group = work.group();
  std::uint32_t most = std::max(1U, most_queries / group);
  while (most > 1 && scratch_bytes(work, most) > worker_scratch_bytes) most /= 2;
  const std::uint32_t least = std::min(most, ceil_divide(least_queries, group));
  const std::uint64_t rows = std::uint64_t{work.p.where.rows} * work.runs();
  const std::uint64_t wanted = rows / (std::uint64_t{threads} * tiles_a_thread);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, least, most));
}

}  // namespace

attention_tile attention_tiles::next() {
  const attention_params& p = work_->p;
  const row_placement& w = p.where;
  attention_tile t;
  t.row = row_;
  if (row_ == w.rows) return t;
  const std::uint32_t most = std::min(work_->tile_rows, w.rows - row_);
  t.rows = 1;
  while (t.rows < most && w.sequence[row_ + t.rows] == w.sequence[row_] &&
         w.position[row_ + t.rows] == w.position[row_ + t.rows - 1] + 1)
    ++t.rows;
  row_ += t.rows;
  t.position = static_cast<std::uint32_t>(w.position[t.row]);
  t.blocks = ceil_divide(t.position + t.rows, attention_block);

  if (t.blocks == 1 || cost(*work_, t) <= work_->shared_above) return t;
  const std::size_t counters = attention_counters * sizeof(std::uint32_t);
  const std::size_t room = (p.workspace_bytes - counters) / sizeof(float);
  const std::size_t floats =
      p.cache.kv_heads * t.blocks * partial_floats(t.rows * work_->group(), p.cache.head_dim);
  if (counter_ + work_->runs() > attention_counters || partials_ + floats > room) return t;
  t.shared = true;
  t.counter = counter_;
  t.partials = partials_;
  counter_ += work_->runs();
  partials_ += floats;
  return t;
}

attention_work plan_attention(const attention_params& p, std::uint32_t threads) {
  attention_work work;
  work.p = p;
  work.kv_heads_per_unit = kv_heads_per_unit(p);
  work.tile_rows = tile_rows(work, threads);
  const bool can_share =
      p.workspace != nullptr && p.workspace_bytes > attention_counters * sizeof(std::uint32_t);
  if (can_share && threads > 1) {
    std::uint64_t total = 0;
    attention_tiles tiles(work);
    for (attention_tile t = tiles.next(); t.rows > 0; t = tiles.next()) total += cost(work, t);
    work.shared_above = total * work.runs() / (std::uint64_t{threads} * units_a_thread);
  }
  attention_tiles tiles(work);
  for (attention_tile t = tiles.next(); t.rows > 0; t = tiles.next())
    work.units += t.units(work.runs());
  return work;
}

bool attention_fits(const attention_params& p) {
  attention_work work;
  work.p = p;
  work.kv_heads_per_unit = kv_heads_per_unit(p);
  return scratch_bytes(work, 1) <= worker_scratch_bytes;
}

}  // namespace troupe::kernels::cpu
