#include "runtime/billing/money.hpp"

#include <algorithm>

namespace troupe {
namespace {

constexpr uint128 most = ~uint128{0};
constexpr std::size_t longest = 64;

/// The number times 10^decimals.
result<uint128> read_decimal(std::string_view text, unsigned decimals) {
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool well_formed = !whole.empty() && text.size() <= longest &&
                           (point == std::string_view::npos || !fraction.empty()) &&
                           std::all_of(whole.begin(), whole.end(), digit) &&
                           std::all_of(fraction.begin(), fraction.end(), digit);
  if (!well_formed)
    return fail(errc::invalid_argument, "'{}' is not a decimal number such as 0.861",
                text.substr(0, longest));
  if (fraction.size() > decimals)
    return fail(errc::invalid_argument, "'{}' has more than {} decimals", text, decimals);
  std::string digits(whole);
  digits.append(fraction).append(decimals - fraction.size(), '0');
  uint128 value = 0;
  for (const char c : digits) {
    const auto next = static_cast<unsigned>(c - '0');
    if (value > (most - next) / 10) return fail(errc::out_of_range, "'{}' is too large", text);
    value = value * 10 + next;
  }
  return value;
}

std::string write_decimal(uint128 value, unsigned decimals) {
  std::string digits;  // from the last to the first
  for (; value != 0; value /= 10) digits += static_cast<char>('0' + static_cast<int>(value % 10));
  if (digits.size() <= decimals) digits.append(decimals + 1 - digits.size(), '0');
  std::string out(digits.rbegin(), digits.rend() - decimals);
  std::string fraction(digits.rend() - decimals, digits.rend());
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (!fraction.empty()) out.append(1, '.').append(fraction);
  return out;
}

}  // namespace

result<amount> amount::parse(std::string_view text) {
  const auto units = read_decimal(text, decimals);
  if (!units) return fail(units.error());
  return amount(*units);
}

std::string amount::text() const { return write_decimal(units_, decimals); }

result<void> amount::add(amount more) {
  if (units_ > most - more.units_)
    return fail(errc::out_of_range, "{} and {} are too much to add up", text(), more.text());
  units_ += more.units_;
  return {};
}

result<token_price> token_price::parse(std::string_view text) {
  const auto nanos = read_decimal(text, decimals);
  if (!nanos) return fail(nanos.error());
  constexpr std::uint64_t nano = 1'000'000'000;
  if (*nanos > uint128{most_units} * nano)
    return fail(errc::out_of_range, "must be at most {}, not {}", most_units, text);
  token_price price;
  price.nanos_ = static_cast<std::uint64_t>(*nanos);
  return price;
}

std::string token_price::text() const { return write_decimal(nanos_, decimals); }

}  // namespace troupe
