#include "runtime/sampling/sample_row.hpp"

#include <algorithm>

namespace troupe {

bool needs_history(const sampling_params& params) {
  return params.repetition_penalty != 1.0F || params.presence_penalty != 0.0F ||
         params.frequency_penalty != 0.0F;
}

std::vector<kernels::token_bias> make_bias(const sampling_params& params) {
  std::vector<kernels::token_bias> bias;
  bias.reserve(params.logit_bias.size());
  for (const auto& [token, value] : params.logit_bias) bias.push_back({token, value});
  return bias;
}

kernels::sample_row make_row(const sampling_params& params, std::uint32_t choice,
                             std::uint32_t position, std::span<const token_id> history,
                             std::uint32_t prompt_length, std::span<const kernels::token_bias> bias,
                             std::span<const token_id> banned) {
  kernels::sample_row row;
  row.temperature = params.temperature;
  row.top_p = params.top_p;
  row.min_p = params.min_p;
  row.presence_penalty = params.presence_penalty;
  row.frequency_penalty = params.frequency_penalty;
  row.repetition_penalty = params.repetition_penalty;
  row.top_k = params.top_k;
  row.want_logprob = params.logprobs;
  row.top_logprobs = params.logprobs ? std::min(params.top_logprobs, kernels::max_top_logprobs) : 0;
  row.seed = params.seed;
  row.choice = choice;
  row.position = position;
  row.history = history.data();
  row.history_length = static_cast<std::uint32_t>(history.size());
  row.prompt_length = prompt_length;
  row.bias = bias.data();
  row.bias_count = static_cast<std::uint32_t>(bias.size());
  row.banned = banned.data();
  row.banned_count = static_cast<std::uint32_t>(banned.size());
  return row;
}

}  // namespace troupe
