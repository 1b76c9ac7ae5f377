#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/billing/money.hpp"

namespace troupe {

/// The prices of requests whose whole input has at most so many tokens.
struct price_tier {
  static constexpr std::uint64_t unlimited = std::numeric_limits<std::int64_t>::max();

  std::uint64_t up_to_tokens = unlimited;  ///< inclusive
  token_price input;
  token_price output;
};

/// What the kinds of input tokens cost, in percent of the input price, and what batches do.
struct price_rules {
  std::uint32_t implicit_hit_percent = 20;        ///< found in the cache unasked
  std::uint32_t explicit_hit_percent = 10;        ///< found where a request had marked it
  std::uint32_t explicit_creation_percent = 125;  ///< put there as a request had marked it
  std::uint32_t batch_percent = 50;               ///< of all prices; the cache makes no difference
};

/// What one model costs. Immutable in use; any thread.
struct price_table {
  std::string currency;
  price_rules rules;
  std::vector<price_tier> tiers;  ///< ascending, at least one; the last holds beyond its limit too
};

/// The tokens of one request, by what they cost.
struct billed_tokens {
  std::uint64_t input = 0;  ///< all of it; the next three are parts of it
  std::uint64_t implicit_hits = 0;
  std::uint64_t explicit_hits = 0;
  std::uint64_t explicit_creation = 0;
  std::uint64_t output = 0;
  bool batch = false;
  friend bool operator==(const billed_tokens&, const billed_tokens&) = default;
};

/// What one request costs: the exact sum of its parts.
struct request_cost {
  std::string currency;
  amount input;  ///< without what has to do with the cache
  amount cache;  ///< hits and creation
  amount output;
  amount total;
  friend bool operator==(const request_cost&, const request_cost&) = default;
};

/// The tier of a request, by its whole input.
[[nodiscard]] const price_tier& tier_of(const price_table& table, std::uint64_t input_tokens);

/// Fails with invalid_argument where the parts of the input are more than the input, and with
/// out_of_range where there are 2^53 tokens or more.
[[nodiscard]] result<request_cost> cost_of(const price_table& table, const billed_tokens& tokens);

/// The most that a request of so many tokens can cost, whatever the cache has of its input;
/// `keeps`: it has the cache keep some. Fails as cost_of.
[[nodiscard]] result<amount> most_cost(const price_table& table, std::uint64_t input,
                                       std::uint64_t output, bool keeps);

}  // namespace troupe
