#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/keys/money_account.hpp"

namespace troupe {

/// Whose requests go first where there are more than can run.
enum class key_priority : std::uint8_t { high, normal, low };

/// What a key may use; nothing set is nothing limited.
struct key_limits {
  std::optional<std::uint64_t> requests_per_minute;
  std::optional<std::uint64_t> tokens_per_minute;  ///< of prompts and of answers
  std::optional<std::uint64_t> token_budget;       ///< in all, over the key's life
  key_priority priority = key_priority::normal;
  std::optional<money_budget> money = {};
  friend bool operator==(const key_limits&, const key_limits&) = default;
};

/// What a key is good for.
struct key_scope {
  std::vector<std::string> models;     ///< by the names that requests use; empty: all
  std::vector<std::string> endpoints;  ///< words of key_endpoints(); empty: all but "admin"
  friend bool operator==(const key_scope&, const key_scope&) = default;
};

/// A key as it is kept: everything but the key itself.
struct key_record {
  std::int64_t id = 0;
  std::string name;
  std::string hash;  ///< hash_of_key()
  std::string hint;  ///< api_key::hint()
  key_scope scope;
  key_limits limits;
  std::int64_t created = 0;  ///< seconds since 1970, as all times here
  std::optional<std::int64_t> expires;
  std::optional<std::int64_t> revoked;
  std::uint64_t spent_tokens = 0;
  money_spent spent_money;  ///< in the last period in which there was something
  friend bool operator==(const key_record&, const key_record&) = default;
};

}  // namespace troupe
