#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/api/sample.hpp"
#include "runtime/base/token.hpp"
#include "runtime/sampling/params.hpp"

namespace troupe {

/// True when drawing a token reads the tokens before it (a penalty is on).
[[nodiscard]] bool needs_history(const sampling_params& params);

/// logit_bias in the form the kernels read; once a request.
[[nodiscard]] std::vector<kernels::token_bias> make_bias(const sampling_params& params);

/// What the sampler is told to draw the token at `position` (prompt length + tokens drawn so far)
/// of one choice. `history` is prompt then output, `prompt_length` of it prompt; empty where
/// needs_history is false. `banned` tokens are not drawn. The row borrows the three spans: they
/// stay valid until the sampler has run.
[[nodiscard]] kernels::sample_row make_row(const sampling_params& params, std::uint32_t choice,
                                           std::uint32_t position,
                                           std::span<const token_id> history,
                                           std::uint32_t prompt_length,
                                           std::span<const kernels::token_bias> bias,
                                           std::span<const token_id> banned);

}  // namespace troupe
