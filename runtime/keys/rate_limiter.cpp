#include "runtime/keys/rate_limiter.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {

constexpr std::uint64_t seconds_a_minute = 60;
/// A client that has waited as long as it was told is not refused for the last bit of a sum.
constexpr double rounding = 1e-6;

double of_second(std::uint64_t a_minute) {
  return static_cast<double>(a_minute / seconds_a_minute +
                             (a_minute % seconds_a_minute == 0 ? 0 : 1));
}

/// A limit of zero refuses everything; its buckets need a rate all the same.
double rate(double a_second) { return std::max(a_second, 1e-9); }

}  // namespace

rate_limiter::pair::pair(std::uint64_t a_minute, time now)
    : limit(a_minute),
      minute(static_cast<double>(a_minute),
             rate(static_cast<double>(a_minute) / static_cast<double>(seconds_a_minute)), now),
      second(of_second(a_minute), rate(of_second(a_minute)), now) {}

void rate_limiter::set(const key_limits& limits, time now) {
  set(requests_, limits.requests_per_minute, now);
  set(tokens_, limits.tokens_per_minute, now);
}

void rate_limiter::set(std::optional<pair>& buckets, std::optional<std::uint64_t> limit, time now) {
  if (!limit) {
    buckets.reset();
  } else if (!buckets || buckets->limit != *limit) {
    buckets.emplace(*limit, now);
  }
}

std::optional<rate_refusal> rate_limiter::pair::take(std::uint64_t amount, rate_limit of_minute,
                                                     rate_limit of_second, time now,
                                                     std::uint32_t times) {
  const auto single = static_cast<double>(amount);
  const double wanted = single * times;
  // Counted several times it may be more than there ever is: then it begins with a full bucket.
  const double at_least = std::max(single, std::min(wanted, minute.capacity()));
  const double at_once = std::min(wanted, second.capacity());
  const bool minute_short = minute.level(now) + rounding < at_least;
  if (minute_short || second.level(now) + rounding < at_once) {
    // Both have to be there when the client comes back.
    const auto wait = std::max(minute.until(at_least, now), second.until(at_once, now));
    if (minute_short) return rate_refusal{of_minute, limit, amount, wait};
    return rate_refusal{of_second, static_cast<std::uint64_t>(second.capacity()), amount, wait};
  }
  charge(wanted, now);
  return std::nullopt;
}

void rate_limiter::pair::charge(double amount, time now) {
  minute.take(amount, now);
  second.take(amount, now);
}

void rate_limiter::charge(std::int64_t requests, std::int64_t tokens, time now) {
  if (requests_ && requests != 0) requests_->charge(static_cast<double>(requests), now);
  if (tokens_ && tokens != 0) tokens_->charge(static_cast<double>(tokens), now);
}

void rate_limiter::divide(std::uint32_t among) { times_ = std::max(among, 1U); }

std::optional<rate_refusal> rate_limiter::take_request(time now) {
  if (!requests_) return std::nullopt;
  return requests_->take(1, rate_limit::requests, rate_limit::request_burst, now, times_);
}

std::optional<rate_refusal> rate_limiter::reserve(std::uint64_t tokens, time now) {
  if (!tokens_) return std::nullopt;
  if (tokens > tokens_->limit)
    return rate_refusal{rate_limit::tokens_at_once, tokens_->limit, tokens, {}};
  return tokens_->take(tokens, rate_limit::tokens, rate_limit::token_burst, now, times_);
}

void rate_limiter::settle(std::uint64_t reserved, std::uint64_t used, time now) {
  if (!tokens_) return;
  const double more = static_cast<double>(used) - static_cast<double>(reserved);
  tokens_->charge(more * times_, now);
}

std::optional<rate_standing> rate_limiter::of(const std::optional<pair>& buckets, time now) {
  if (!buckets) return std::nullopt;
  const double level = std::max(0.0, std::floor(buckets->minute.level(now) + rounding));
  return rate_standing{buckets->limit, static_cast<std::uint64_t>(level),
                       buckets->minute.until(buckets->minute.capacity(), now)};
}

}  // namespace troupe
