#pragma once

#include <cstdint>

#include "kernels/api/backend.hpp"
#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {

/// Task bodies for the target in use, one a call. What an item of each is stands beside it; the
/// body's parameters are the operation's own structure unless one is named here.
[[nodiscard]] task::body_fn copy_body();            ///< item: copy_bytes, or a row of several
[[nodiscard]] task::body_fn embed_body();           ///< item: a row
[[nodiscard]] task::body_fn gather_rows_body();     ///< item: a row
[[nodiscard]] task::body_fn encode_rows_body();     ///< item: a row
[[nodiscard]] task::body_fn decode_rows_body();     ///< item: a row
[[nodiscard]] task::body_fn rms_norm_body();        ///< item: a row
[[nodiscard]] task::body_fn pack_body();            ///< item: a tile of 16 weight rows
[[nodiscard]] task::body_fn linear_body();          ///< item: `linear_columns(rows)` of y
[[nodiscard]] task::body_fn projections_body();     ///< item: as linear, all parts in a row
[[nodiscard]] task::body_fn rope_table_body();      ///< item: a row
[[nodiscard]] task::body_fn rope_and_store_body();  ///< item: a row
[[nodiscard]] task::body_fn attention_body();       ///< item: a unit of attention_work
[[nodiscard]] task::body_fn route_body();           ///< item: a row
[[nodiscard]] task::body_fn group_body();           ///< a single item
[[nodiscard]] task::body_fn expert_up_body();       ///< item: see expert_up_work
[[nodiscard]] task::body_fn expert_down_body();     ///< item: see expert_down_work
[[nodiscard]] task::body_fn combine_body();         ///< item: a row

/// Bytes in an item of copy.
inline constexpr std::size_t copy_bytes = 64U << 10U;
/// Columns of y in an item of linear, projections and expert_down: two tiles where there are rows
/// enough to share their activations, else one, so that few rows still make many items.
[[nodiscard]] constexpr std::uint32_t linear_columns(std::uint32_t rows) {
  return rows < 4 ? 16 : 32;
}
/// Columns of `hidden` in an item of expert_up: one group of integer activations.
inline constexpr std::uint32_t up_columns = q8_group;

/// Items are tiles of `columns` columns: all of the first expert's, then all of the second's.
/// Experts may have no rows; that is known only once the grouping has run.
struct expert_up_work {
  expert_up_params p;
  std::uint32_t tiles = 0;
};
struct expert_down_work {
  expert_down_params p;
  std::uint32_t tiles = 0;
};

}  // namespace troupe::kernels::cpu
