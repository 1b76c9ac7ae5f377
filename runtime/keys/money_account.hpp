#pragma once

#include <cstdint>
#include <optional>

#include "runtime/billing/money.hpp"

namespace troupe {

/// How long a budget of money lasts: for ever, or until midnight or the month's end, of UTC.
enum class budget_period : std::uint8_t { life, day, month };

/// What a key may spend, in the currency of the server's prices.
struct money_budget {
  amount most;
  budget_period per = budget_period::life;
  friend bool operator==(const money_budget&, const money_budget&) = default;
};

/// What was spent in the period that began then, in seconds since 1970; 0 is for ever.
struct money_spent {
  amount sum;
  std::int64_t since = 0;
  friend bool operator==(const money_spent&, const money_spent&) = default;
};

/// The first second of the period that holds this one.
[[nodiscard]] std::int64_t period_start(budget_period per, std::int64_t unix_now);
/// The first second after it; nothing where it has no end.
[[nodiscard]] std::optional<std::int64_t> period_end(budget_period per, std::int64_t unix_now);

/// Adds up what two tell of: of the same period both, of others the later one's. Sums too large for
/// an amount stay at the largest.
[[nodiscard]] money_spent combined(const money_spent& a, const money_spent& b);

/// What a key spends of its budget of money. Plain: the caller brings the time and the lock.
class money_account {
 public:
  /// The file says so: the budget, and what all processes have spent.
  void set(const std::optional<money_budget>& budget, const money_spent& in_file);

  /// Sets aside what a request costs at most; false, and nothing is changed, where that is more
  /// than is left.
  [[nodiscard]] bool reserve(amount most, std::int64_t unix_now);
  /// Once for each reservation: `used` counts for the period of now, and the rest is returned.
  void settle(amount reserved, amount used, std::int64_t unix_now);
  /// Nothing is left.
  [[nodiscard]] bool spent(std::int64_t unix_now) const;
  [[nodiscard]] const std::optional<money_budget>& budget() const { return budget_; }

  /// Spent and not yet in the file.
  [[nodiscard]] const money_spent& unsaved() const { return unsaved_; }
  /// So much of it is in the file now.
  void saved(const money_spent& part);

 private:
  [[nodiscard]] budget_period period() const;
  /// Of the period of now, with what is set aside.
  [[nodiscard]] amount taken(std::int64_t unix_now) const;

  std::optional<money_budget> budget_;
  money_spent in_file_;
  money_spent unsaved_;
  amount set_aside_;
};

}  // namespace troupe
