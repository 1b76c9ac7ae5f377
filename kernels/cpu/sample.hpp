#pragma once

#include <cstdint>

#include "kernels/api/sample.hpp"
#include "kernels/cpu/task.hpp"

namespace troupe::kernels::cpu {

/// Draws for rows [begin, end) of `p`. Each row is a function of its logits and its sample_row
/// alone. Logits that are NaN count as minus infinity; where none is left the lowest allowed token
/// is drawn. Entries of top_tokens past the number of finite logits are -1.
void sample_rows(const sample_params& p, std::uint32_t begin, std::uint32_t end, const worker& w);

/// Scores rows [begin, end) of `p`; a target outside the vocabulary scores minus infinity.
void score_rows(const score_params& p, std::uint32_t begin, std::uint32_t end, const worker& w);

}  // namespace troupe::kernels::cpu
