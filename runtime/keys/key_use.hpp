#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/billing/money.hpp"

namespace troupe {

/// What a request uses of its key's limits.
struct key_use {
  key_use(std::uint64_t of_tokens, amount of_money = {}) : tokens(of_tokens), money(of_money) {}

  std::uint64_t tokens;
  amount money;
};

/// A moment as limits see it, by a clock that never goes back, and as budgets of a day or a month
/// do, in seconds since 1970.
struct key_moment {
  key_moment(std::chrono::steady_clock::time_point at, std::int64_t unix_seconds = 0)
      : steady(at), unix_time(unix_seconds) {}
  [[nodiscard]] static key_moment now() {
    using namespace std::chrono;
    return {steady_clock::now(),
            duration_cast<seconds>(system_clock::now().time_since_epoch()).count()};
  }

  std::chrono::steady_clock::time_point steady;
  std::int64_t unix_time;
};

}  // namespace troupe
