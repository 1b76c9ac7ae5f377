#include "actors/gateway/key_account.hpp"

#include <algorithm>

namespace troupe::gateway {

std::optional<api_error> key_account::admit(const generation_cost& cost) {
  if (!key_) return std::nullopt;
  if (auto refused = reserve(*key_, cost)) return refused;
  reserved_.emplace(key_, key_use(cost.prompt_tokens + cost.answer_tokens, cost.money));
  prompt_tokens_ = cost.prompt_tokens;
  return std::nullopt;
}

void key_account::settle(std::uint64_t prompt_tokens, std::uint64_t answer_tokens, amount cost) {
  if (!reserved_) return;
  const bool begun = prompt_tokens + answer_tokens > 0;
  const std::uint64_t tokens = std::max(prompt_tokens, prompt_tokens_) + answer_tokens;
  reserved_->settle(key_use(begun ? tokens : 0, cost));
}

}  // namespace troupe::gateway
