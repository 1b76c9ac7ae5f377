#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "runtime/keys/key_record.hpp"
#include "runtime/keys/key_taken.hpp"
#include "runtime/keys/key_use.hpp"
#include "runtime/keys/rate_limiter.hpp"

namespace troupe {

/// A key in force as requests meet it: its limits, and what it has spent. Any thread.
class live_key {
 public:
  using time = rate_limiter::time;

  live_key(key_record record, time now);

  /// What does not change while the key is in force.
  [[nodiscard]] std::int64_t id() const { return record_.id; }
  [[nodiscard]] const std::string& name() const { return record_.name; }
  /// Apart from every other key's, and the same in every process: never 0.
  [[nodiscard]] std::uint64_t cache_space() const;
  [[nodiscard]] const key_scope& scope() const { return record_.scope; }
  [[nodiscard]] std::optional<std::int64_t> expires() const { return record_.expires; }

  /// The file says so now: limits, and what all processes have spent.
  void update(const key_record& record, time now);

  [[nodiscard]] std::optional<rate_refusal> take_request(time now);
  /// Sets aside what a request may use, of the minute and of the budgets.
  [[nodiscard]] std::optional<rate_refusal> reserve(const key_use& most, const key_moment& now);
  /// Once for each reservation: `used` counts, and the rest is returned.
  void settle(const key_use& reserved, const key_use& used, const key_moment& now);

  /// It was used beside the limits of a minute: batches have none.
  void spend(const key_use& used, const key_moment& now);
  /// A budget has nothing left.
  [[nodiscard]] bool spent(const key_moment& now) const;

  /// What was taken of the limits of a minute since this was last asked.
  [[nodiscard]] key_taken taken();
  /// See rate_limiter::charge, rate_limiter::divide.
  void charge(const key_taken& by_others, time now);
  void divide(std::uint32_t among);

  [[nodiscard]] key_priority priority() const;
  [[nodiscard]] std::optional<rate_standing> requests(time now) const;
  [[nodiscard]] std::optional<rate_standing> tokens(time now) const;

  /// Tokens spent and not yet in the file.
  [[nodiscard]] std::uint64_t unsaved() const;
  [[nodiscard]] money_spent unsaved_money() const;
  /// So much of them is in the file now.
  void saved(std::uint64_t tokens, const money_spent& money = {});

 private:
  [[nodiscard]] rate_refusal money_refusal(amount asked, const key_moment& now) const;

  const key_record record_;
  mutable std::mutex mutex_;
  rate_limiter limiter_;
  key_taken taken_;
  std::optional<std::uint64_t> budget_;
  key_priority priority_;
  std::uint64_t in_file_;
  std::uint64_t unsaved_ = 0;
  std::uint64_t set_aside_ = 0;
  money_account money_;
};

/// What one request has set aside. Unless it is settled, nothing was used.
class key_reservation {
 public:
  key_reservation(std::shared_ptr<live_key> key, const key_use& most)
      : key_(std::move(key)), most_(most) {}
  key_reservation(const key_reservation&) = delete;
  key_reservation& operator=(const key_reservation&) = delete;
  ~key_reservation() { settle(0); }

  /// Only the first call counts.
  void settle(const key_use& used) {
    if (const auto key = std::exchange(key_, nullptr)) key->settle(most_, used, key_moment::now());
  }

 private:
  std::shared_ptr<live_key> key_;
  key_use most_;
};

}  // namespace troupe
