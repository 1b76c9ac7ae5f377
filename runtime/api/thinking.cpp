#include "runtime/api/thinking.hpp"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {
namespace {

/// Chat templates write a thought as <think>\n ... \n</think>\n\n.
constexpr std::string_view thought_ending = "\n</think>\n\n";

std::vector<token_id> encode(const tokenizer& tokens, std::string_view text) {
  return tokens.encode(text, {.add_special = false, .parse_special = true});
}

std::optional<token_id> one_token(const tokenizer& tokens, std::string_view text) {
  const std::vector<token_id> all = encode(tokens, text);
  return all.size() == 1 ? std::optional(all.front()) : std::nullopt;
}

}  // namespace

thought_tokens thought_tokens_of(const tokenizer& tokens) {
  return {one_token(tokens, think_begin), one_token(tokens, think_end)};
}

api_result<forcing_rule> limit_thought(const served_model& model, const request_options& options,
                                       bool in_thought) {
  if (!options.thinking_budget || options.markup.thoughts == thought_markup::none)
    return forcing_rule{};
  const auto [opening, closing] = thought_tokens_of(*model.tokens);
  if (!opening || !closing)
    return refuse("thinking_budget", "is not possible with this model: {} is no token of its own",
                  opening ? think_end : think_begin);
  forcing_rule rule;
  if (!in_thought) rule.opening = *opening;
  rule.closing = *closing;
  rule.budget = *options.thinking_budget;
  rule.tokens = encode(*model.tokens, thought_ending);
  return rule;
}

}  // namespace troupe
