#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

__extension__ using uint128 = unsigned __int128;

/// An exact amount of money, never negative, in 1e-17 of a currency's unit: a price with nine
/// decimals for a million tokens, times tokens, times whole percents, needs no more digits. So
/// nothing is ever rounded. Which currency is the caller's to know.
class amount {
 public:
  static constexpr unsigned decimals = 17;

  constexpr amount() = default;
  explicit constexpr amount(uint128 units) : units_(units) {}

  /// Reads what text() writes: digits, with a point and up to 17 decimals where wanted. Fails with
  /// invalid_argument, or out_of_range where it is too large.
  [[nodiscard]] static result<amount> parse(std::string_view text);

  /// "0.00124", "3": the whole value, without trailing zeros.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] constexpr uint128 units() const { return units_; }

  /// Adds; out_of_range, and nothing is changed, where the sum (3.4e21 units and more) is too
  /// large.
  [[nodiscard]] result<void> add(amount more);

  friend constexpr auto operator<=>(const amount&, const amount&) = default;

 private:
  uint128 units_ = 0;
};

/// The price of a million tokens, in 1e-9 of a currency's unit.
class token_price {
 public:
  static constexpr unsigned decimals = 9;
  static constexpr std::uint64_t most_units = 1'000'000'000;  ///< whole units of the currency

  constexpr token_price() = default;
  /// "0.861": up to nine decimals, at most `most_units`; fails as amount::parse.
  [[nodiscard]] static result<token_price> parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  /// What `tokens` (below 2^53) cost at `percent` (at most 1000) of this price; exact.
  [[nodiscard]] constexpr amount of(std::uint64_t tokens, std::uint32_t percent) const {
    return amount(uint128{nanos_} * tokens * percent);
  }

  friend constexpr auto operator<=>(const token_price&, const token_price&) = default;

 private:
  std::uint64_t nanos_ = 0;
};

}  // namespace troupe
