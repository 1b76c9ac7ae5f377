#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/api/attention.hpp"

namespace troupe::kernels::cpu {

/// One call of attention, divided. The division changes no result: it may differ from call to call.
struct attention_work {
  attention_params p;
  /// KV heads that one unit computes: one, or all where a group of integer activations would
  /// otherwise straddle two units.
  std::uint32_t kv_heads_per_unit = 1;
  std::uint32_t tile_rows = 1;  ///< most rows of a tile
  std::uint32_t units = 0;
  /// Threads share the blocks of a tile that costs more, as far as the workspace goes.
  std::uint64_t shared_above = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] std::uint32_t group() const { return p.heads / p.cache.kv_heads; }
  /// Runs of KV heads: units of a row that is not shared.
  [[nodiscard]] std::uint32_t runs() const { return p.cache.kv_heads / kv_heads_per_unit; }
};

/// Consecutive rows of one sequence at consecutive positions: they read the same keys and values.
struct attention_tile {
  std::uint32_t row = 0;  ///< the first
  std::uint32_t rows = 0;
  std::uint32_t position = 0;  ///< of the first row
  std::uint32_t blocks = 0;    ///< that the last row reads
  bool shared = false;         ///< a unit is a block, rather than all blocks
  std::uint32_t counter = 0;   ///< of its first run, where it is shared
  std::size_t partials = 0;    ///< where its partials begin, in floats

  /// Its units, of all runs.
  [[nodiscard]] std::uint32_t units(std::uint32_t runs) const {
    return shared ? runs * blocks : runs;
  }
};

/// Walks through the tiles of a call, in the order of rows.
class attention_tiles {
 public:
  /// Borrows `work`.
  explicit attention_tiles(const attention_work& work) : work_(&work) {}
  /// The next tile; one without rows at the end.
  [[nodiscard]] attention_tile next();

 private:
  const attention_work* work_;
  std::uint32_t row_ = 0;
  std::uint32_t counter_ = 0;
  std::size_t partials_ = 0;
};

/// Floats in the partial that `queries` query vectors of one KV head leave for one block.
[[nodiscard]] constexpr std::size_t partial_floats(std::size_t queries, std::uint32_t head_dim) {
  return queries * (std::size_t{whole_vectors(head_dim)} + 2);
}

/// Floats of a block's keys or values that are converted at a time: half of a small L1 cache.
inline constexpr std::size_t attention_panel_floats = 4096;

/// Divides a well-formed call among `threads`. No unit for a shape that does not fit a worker's
/// scratch even row by row; see attention_fits.
[[nodiscard]] attention_work plan_attention(const attention_params& p, std::uint32_t threads);

/// Whether a row of this shape fits a worker's scratch.
[[nodiscard]] bool attention_fits(const attention_params& p);

}  // namespace troupe::kernels::cpu
