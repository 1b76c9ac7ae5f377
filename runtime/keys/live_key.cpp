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
      in_file_(record_.spent_tokens) {}

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
}

std::optional<rate_refusal> live_key::take_request(time now) {
  const std::lock_guard lock(mutex_);
  return limiter_.take_request(now);
}

std::optional<rate_refusal> live_key::reserve(std::uint64_t tokens, time now) {
  const std::lock_guard lock(mutex_);
  if (budget_ && in_file_ + unsaved_ + set_aside_ + tokens > *budget_)
    return rate_refusal{rate_limit::budget, *budget_, tokens, {}};
  if (auto refused = limiter_.reserve(tokens, now)) return refused;
  set_aside_ += tokens;
  return std::nullopt;
}

void live_key::settle(std::uint64_t reserved, std::uint64_t used, time now) {
  const std::lock_guard lock(mutex_);
  limiter_.settle(reserved, used, now);
  set_aside_ -= std::min(reserved, set_aside_);
  unsaved_ += used;
}

void live_key::spend(std::uint64_t tokens) {
  const std::lock_guard lock(mutex_);
  unsaved_ += tokens;
}

bool live_key::spent() const {
  const std::lock_guard lock(mutex_);
  return budget_ && in_file_ + unsaved_ + set_aside_ >= *budget_;
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

void live_key::saved(std::uint64_t tokens) {
  const std::lock_guard lock(mutex_);
  unsaved_ -= std::min(tokens, unsaved_);
  in_file_ += tokens;
}

}  // namespace troupe
