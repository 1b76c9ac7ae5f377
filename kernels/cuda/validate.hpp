#pragma once

#include "kernels/api/backend.hpp"

namespace troupe::kernels::cuda {

/// Whether the GPU's kernels can run an operation as described: pointers present, widths that
/// match, block types with whole blocks; status::unsupported for integer activations and for heads
/// wider than the attention kernel takes. What the pointers point to is the caller's promise.
[[nodiscard]] status validate(const pack_params& p);
[[nodiscard]] status validate(const copy_params& p);
[[nodiscard]] status validate(const embed_params& p);
[[nodiscard]] status validate(const gather_rows_params& p);
[[nodiscard]] status validate(const encode_rows_params& p);
[[nodiscard]] status validate(const decode_rows_params& p);
[[nodiscard]] status validate(const rms_norm_params& p);
[[nodiscard]] status validate(const linear_params& p);
[[nodiscard]] status validate(const projections_params& p);
[[nodiscard]] status validate(const rope_table_params& p);
[[nodiscard]] status validate(const rope_and_store_params& p);
[[nodiscard]] status validate(const attention_params& p);
[[nodiscard]] status validate(const route_params& p);
[[nodiscard]] status validate(const group_params& p);
[[nodiscard]] status validate(const expert_up_params& p);
[[nodiscard]] status validate(const expert_down_params& p);
[[nodiscard]] status validate(const combine_params& p);
[[nodiscard]] status validate(const sample_params& p);
[[nodiscard]] status validate(const score_params& p);

}  // namespace troupe::kernels::cuda
