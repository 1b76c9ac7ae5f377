#pragma once

#include <optional>

#include "runtime/api/api_error.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/sampling/forcing.hpp"

namespace troupe {

/// The tokens that <think> and </think> are; none where they are several.
struct thought_tokens {
  std::optional<token_id> opening;
  std::optional<token_id> closing;
};
[[nodiscard]] thought_tokens thought_tokens_of(const tokenizer& tokens);

/// What keeps an answer's thought to the budget asked for: the thought is ended as chat templates
/// write its end, in tokens, and the answer goes on behind it. `in_thought`: the prompt has opened
/// one; otherwise an answer that begins with <think> has. The default rule where no budget was
/// given or the model marks no thoughts. Refused where </think> is no token of its own: whether the
/// model has written it could not be told from its tokens.
[[nodiscard]] api_result<forcing_rule> limit_thought(const served_model& model,
                                                     const request_options& options,
                                                     bool in_thought);

}  // namespace troupe
