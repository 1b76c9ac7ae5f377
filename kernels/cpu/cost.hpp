#pragma once

#include "kernels/api/backend.hpp"
#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {

/// What an operation moves and computes. Call it once the operation has run: page tables, positions
/// and the grouping of experts are read.
///
/// Bytes count each thing once: weights as they lie in the model file, keys and values of a
/// sequence up to its last row, rows in and out. Operations are the products' own additions and
/// multiplications, whatever an instruction set makes of them.
[[nodiscard]] task_cost cost(const copy_params& p);
[[nodiscard]] task_cost cost(const embed_params& p);
[[nodiscard]] task_cost cost(const gather_rows_params& p);
[[nodiscard]] task_cost cost(const encode_rows_params& p);
[[nodiscard]] task_cost cost(const decode_rows_params& p);
[[nodiscard]] task_cost cost(const rms_norm_params& p);
[[nodiscard]] task_cost cost(const pack_params& p);
[[nodiscard]] task_cost cost(const linear_params& p);
[[nodiscard]] task_cost cost(const projections_params& p);
[[nodiscard]] task_cost cost(const rope_table_params& p);
[[nodiscard]] task_cost cost(const rope_and_store_params& p);
[[nodiscard]] task_cost cost(const attention_params& p);
[[nodiscard]] task_cost cost(const route_params& p);
[[nodiscard]] task_cost cost(const group_params& p);
[[nodiscard]] task_cost cost(const expert_up_params& p);
[[nodiscard]] task_cost cost(const expert_down_params& p);
[[nodiscard]] task_cost cost(const combine_params& p);
[[nodiscard]] task_cost cost(const sample_params& p);
[[nodiscard]] task_cost cost(const score_params& p);
/// An operation that nobody has counted yet.
template <class Params>
[[nodiscard]] task_cost cost(const Params&) {
  return {.operation = "other"};
}

}  // namespace troupe::kernels::cpu
