#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/keys/key_record.hpp"

namespace troupe::cli {

/// Limits as words of a command line; empty: not given.
struct limit_words {
  std::string requests_per_minute;
  std::string tokens_per_minute;
  std::string token_budget;
  std::string priority;
  std::string money = {};
  [[nodiscard]] bool empty() const {
    return requests_per_minute.empty() && tokens_per_minute.empty() && token_budget.empty() &&
           priority.empty() && money.empty();
  }
};

/// What is given replaces what `before` says: a whole number from 1 to 2^53, or "none"; the
/// priority "high", "normal" or "low"; of money a decimal above 0, "/day" or "/month" behind it
/// where it is not for ever.
[[nodiscard]] result<key_limits> with_limits(key_limits before, const limit_words& words);

/// "90s", "15m", "12h" or "30d" as seconds, a hundred years at most.
[[nodiscard]] result<std::int64_t> parse_lifetime(std::string_view text);

}  // namespace troupe::cli
