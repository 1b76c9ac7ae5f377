#pragma once

#include "kernels/api/attention.hpp"
#include "kernels/api/embed.hpp"
#include "kernels/api/experts.hpp"
#include "kernels/api/f8_rows.hpp"
#include "kernels/api/linear.hpp"
#include "kernels/api/norm.hpp"

namespace troupe::kernels::reference {

/// Every operation of kernels/api on the calling thread, in the plainest form: sums in double
/// precision, rounded once. Parameters mean what they mean there; nothing is checked. An integer
/// activation is read as the numbers it stands for.
void embed(const embed_params& p);
void gather_rows(const gather_rows_params& p);
void encode_rows(const encode_rows_params& p);
void decode_rows(const decode_rows_params& p);
void rms_norm(const rms_norm_params& p);
void linear(const linear_params& p);
void rope_table(const rope_table_params& p);
void rope_and_store(const rope_and_store_params& p);
void attention(const attention_params& p);
void route(const route_params& p);
void group(const group_params& p);
void expert_up(const expert_up_params& p);
void expert_down(const expert_down_params& p);
void combine(const combine_params& p);

}  // namespace troupe::kernels::reference
