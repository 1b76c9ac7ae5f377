#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "runtime/keys/key_record.hpp"
#include "runtime/keys/token_bucket.hpp"

namespace troupe {

/// Which limit stands against a request.
enum class rate_limit : std::uint8_t {
  requests,        ///< a minute's
  tokens,          ///< a minute's
  request_burst,   ///< a second's
  token_burst,     ///< a second's
  tokens_at_once,  ///< more than a minute's in one request: waiting does not help
  budget,          ///< all that the key may ever use: waiting does not help
  money,           ///< all that it may spend, ever or until its period ends
};

struct rate_refusal {
  rate_limit by = rate_limit::requests;
  std::uint64_t limit = 0;               ///< of a minute or a second, as `by` says
  std::uint64_t asked = 0;               ///< requests or tokens
  std::chrono::duration<double> wait{};  ///< until the same would pass, if nobody else asks
  money_budget budget = {};              ///< of rate_limit::money, which has no `limit`
  amount cost = {};                      ///< and what was asked of it
};

/// Where one of a minute's limits stands.
struct rate_standing {
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;
  std::chrono::duration<double> reset{};  ///< until all of the limit is there again
};

/// Holds one key to its requests and tokens a minute, and smooths them: a sixtieth of a minute's
/// limit, rounded up, is a second's. A request whose tokens are more than a second's waits for a
/// whole second's and leaves a debt. Plain: the caller brings the time and the lock.
class rate_limiter {
 public:
  using time = token_bucket::time;

  rate_limiter(const key_limits& limits, time now) { set(limits, now); }
  /// Other limits begin with full buckets; the same ones change nothing.
  void set(const key_limits& limits, time now);

  /// One more request; refused ones do not count.
  [[nodiscard]] std::optional<rate_refusal> take_request(time now);
  /// Sets aside the tokens that a request will use at most; nothing where it is refused.
  [[nodiscard]] std::optional<rate_refusal> reserve(std::uint64_t tokens, time now);
  /// A request has ended that had set aside `reserved`: returns the rest, or takes what is missing.
  void settle(std::uint64_t reserved, std::uint64_t used, time now);

  /// What others have taken of the same limits, or given back (below 0): a debt where it was more
  /// than there is.
  void charge(std::int64_t requests, std::int64_t tokens, time now);
  /// Each of so many limiters has its part of the limits: whatever is taken counts as often.
  void divide(std::uint32_t among);

  /// Nothing where there is no such limit.
  [[nodiscard]] std::optional<rate_standing> requests(time now) const { return of(requests_, now); }
  [[nodiscard]] std::optional<rate_standing> tokens(time now) const { return of(tokens_, now); }

 private:
  struct pair {
    pair(std::uint64_t a_minute, time now);
    [[nodiscard]] std::optional<rate_refusal> take(std::uint64_t amount, rate_limit of_minute,
                                                   rate_limit of_second, time now,
                                                   std::uint32_t times);
    void charge(double amount, time now);
    std::uint64_t limit;
    token_bucket minute;
    token_bucket second;
  };
  static std::optional<rate_standing> of(const std::optional<pair>& buckets, time now);
  static void set(std::optional<pair>& buckets, std::optional<std::uint64_t> limit, time now);

  std::uint32_t times_ = 1;
  std::optional<pair> requests_;
  std::optional<pair> tokens_;
};

}  // namespace troupe
