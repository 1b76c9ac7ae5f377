#include "runtime/keys/live_key.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace troupe {

live_key::live_key(key_record record, time now)
    : record_(std::move(record)),
      limiter_(record_.limits, now),
      budget_(record_.limits.token_budget),
      priority_(record_.limits.priority),
      in_file_(record_.spent_tokens) {
  money_.set(record_.limits.money, record_.spent_money);
}

std::uint64_t live_key::cache_space() const {
  // The first 64 bits of a digest of 256 random ones.
  std::uint64_t space = 0;
  const std::string& hash = record_.hash;
  std::from_chars(hash.data(), hash.data() + std::min<std::size_t>(hash.size(), 16), space, 16);
  return std::max<std::uint64_t>(space, 1);
}

void live_key::update(const key_record& record, time now) {
  const std::lock_guard lock(mutex_);
  limiter_.set(record.limits, now);
  budget_ = record.limits.token_budget;
  priority_ = record.limits.priority;
  in_file_ = record.spent_tokens;
  money_.set(record.limits.money, record.spent_money);
}

std::optional<rate_refusal> live_key::take_request(time now) {
  const std::lock_guard lock(mutex_);
  auto refused = limiter_.take_request(now);
  if (!refused) ++taken_.requests;
  return refused;
}

std::optional<rate_refusal> live_key::reserve(const key_use& most, const key_moment& now) {
  const std::lock_guard lock(mutex_);
  if (budget_ && in_file_ + unsaved_ + set_aside_ + most.tokens > *budget_)
    return rate_refusal{rate_limit::budget, *budget_, most.tokens, {}};
  if (!money_.reserve(most.money, now.unix_time)) return money_refusal(most.money, now);
  if (auto refused = limiter_.reserve(most.tokens, now.steady)) {
    money_.settle(most.money, amount(), now.unix_time);
    return refused;
  }
  set_aside_ += most.tokens;
  taken_.tokens += static_cast<std::int64_t>(most.tokens);
  return std::nullopt;
}

key_taken live_key::taken() {
  const std::lock_guard lock(mutex_);
  key_taken out = std::exchange(taken_, {});
  out.key = cache_space();
  return out;
}

void live_key::charge(const key_taken& by_others, time now) {
  const std::lock_guard lock(mutex_);
  limiter_.charge(by_others.requests, by_others.tokens, now);
}

void live_key::divide(std::uint32_t among) {
  const std::lock_guard lock(mutex_);
  limiter_.divide(among);
}

rate_refusal live_key::money_refusal(amount asked, const key_moment& now) const {
  const money_budget budget = money_.budget().value_or(money_budget());
  rate_refusal out{rate_limit::money, 0, 0, {}, budget, asked};
  if (const auto end = period_end(budget.per, now.unix_time))
    out.wait = std::chrono::seconds(*end - now.unix_time);
  return out;
}

void live_key::settle(const key_use& reserved, const key_use& used, const key_moment& now) {
  const std::lock_guard lock(mutex_);
  limiter_.settle(reserved.tokens, used.tokens, now.steady);
  taken_.tokens +=
      static_cast<std::int64_t>(used.tokens) - static_cast<std::int64_t>(reserved.tokens);
  set_aside_ -= std::min(reserved.tokens, set_aside_);
  unsaved_ += used.tokens;
  money_.settle(reserved.money, used.money, now.unix_time);
}

void live_key::spend(const key_use& used, const key_moment& now) {
  const std::lock_guard lock(mutex_);
  unsaved_ += used.tokens;
  money_.settle(amount(), used.money, now.unix_time);
}

bool live_key::spent(const key_moment& now) const {
  const std::lock_guard lock(mutex_);
  if (budget_ && in_file_ + unsaved_ + set_aside_ >= *budget_) return true;
  return money_.spent(now.unix_time);
}

key_priority live_key::priority() const {
  const std::lock_guard lock(mutex_);
  return priority_;
}

std::optional<rate_standing> live_key::requests(time now) const {
  const std::lock_guard lock(mutex_);
  return limiter_.requests(now);
}

std::optional<rate_standing> live_key::tokens(time now) const {
  const std::lock_guard lock(mutex_);
  return limiter_.tokens(now);
}

std::uint64_t live_key::unsaved() const {
  const std::lock_guard lock(mutex_);
  return unsaved_;
}

money_spent live_key::unsaved_money() const {
  const std::lock_guard lock(mutex_);
  return money_.unsaved();
}

void live_key::saved(std::uint64_t tokens, const money_spent& money) {
  const std::lock_guard lock(mutex_);
  unsaved_ -= std::min(tokens, unsaved_);
  in_file_ += tokens;
  if (money.sum != amount()) money_.saved(money);
}

}  // namespace troupe
