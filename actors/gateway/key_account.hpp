#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "actors/gateway/door.hpp"
#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

/// What one completion does to the key that asked for it: tokens set aside before it begins, and
/// what it really used once it is over. One thread at a time.
class key_account {
 public:
  /// Null: no key was needed, and nothing is counted.
  explicit key_account(std::shared_ptr<live_key> key) : key_(std::move(key)) {}

  /// Once, before the completion begins; a refusal ends it.
  [[nodiscard]] std::optional<api_error> admit(const generation_cost& cost);
  /// The completion is over. An answer that has begun has used its whole prompt, even where its
  /// end did not come to say so. `cost` is what it was charged.
  void settle(std::uint64_t prompt_tokens, std::uint64_t answer_tokens, amount cost);

 private:
  std::shared_ptr<live_key> key_;
  std::optional<key_reservation> reserved_;
  std::uint64_t prompt_tokens_ = 0;
};

}  // namespace troupe::gateway
