#include "runtime/sampling/forcing.hpp"

#include <algorithm>

namespace troupe {

namespace {

/// Tokens of an answer before the first that may be forced.
std::size_t free_tokens(const forcing_rule& rule) {
  return std::size_t{rule.budget} + (rule.opening >= 0 ? 1 : 0);
}

}  // namespace

bool may_force(const forcing_rule& rule, std::size_t drawn) {
  const std::size_t free = free_tokens(rule);
  return drawn >= free && drawn - free < rule.tokens.size();
}

std::optional<token_id> forced_token(const forcing_rule& rule, std::span<const token_id> drawn) {
  if (!may_force(rule, drawn.size())) return std::nullopt;
  if (rule.opening >= 0 && drawn.front() != rule.opening) return std::nullopt;
  const auto free = drawn.first(free_tokens(rule));
  if (std::ranges::find(free, rule.closing) != free.end()) return std::nullopt;
  return rule.tokens[drawn.size() - free.size()];
}

sampling_params draw_only(token_id token, const sampling_params& asked) {
  sampling_params out;
  out.temperature = 0;
  out.logit_bias = {{token, certain_bias}};
  out.seed = asked.seed;
  out.logprobs = asked.logprobs;
  out.top_logprobs = asked.top_logprobs;
  return out;
}

}  // namespace troupe
