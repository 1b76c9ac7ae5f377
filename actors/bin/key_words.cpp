#include "actors/bin/key_words.hpp"

#include <charconv>
#include <optional>

#include "runtime/keys/key_names.hpp"

namespace troupe::cli {
namespace {

constexpr std::uint64_t most = std::uint64_t{1} << 53U;
constexpr std::int64_t day = 86'400;
constexpr std::int64_t longest = 36'500 * day;

/// Nothing where the text is not a whole number.
std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

result<void> apply(std::optional<std::uint64_t>& to, const char* option, std::string_view word) {
  if (word.empty()) return {};
  if (word == "none") {
    to.reset();
    return {};
  }
  const auto value = whole_number(word);
  if (!value || *value == 0 || *value > most) {
    return fail(errc::invalid_argument, "{}: '{}' is neither a number from 1 to {} nor \"none\"",
                option, word, most);
  }
  to = *value;
  return {};
}

result<void> apply_money(std::optional<money_budget>& to, std::string_view word) {
  if (word.empty()) return {};
  if (word == "none") {
    to.reset();
    return {};
  }
  const auto slash = word.find('/');
  const auto sum = amount::parse(word.substr(0, slash));
  const std::string_view named = slash == std::string_view::npos ? "life" : word.substr(slash + 1);
  const auto per = parse_period(named);
  if (!sum || *sum == amount() || !per)
    return fail(errc::invalid_argument,
                "--budget-money: '{}' is neither an amount above 0 such as 12.50, 5/day or "
                "100/month, with up to {} decimals, nor \"none\"",
                word.substr(0, 64), amount::decimals);
  to = money_budget{*sum, *per};
  return {};
}

std::int64_t seconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3'600;
    case 'd':
      return day;
    default:
      return 0;
  }
}

}  // namespace

result<key_limits> with_limits(key_limits before, const limit_words& words) {
  if (auto done = apply(before.requests_per_minute, "--rpm", words.requests_per_minute); !done)
    return fail(done.error());
  if (auto done = apply(before.tokens_per_minute, "--tpm", words.tokens_per_minute); !done)
    return fail(done.error());
  if (auto done = apply(before.token_budget, "--budget", words.token_budget); !done)
    return fail(done.error());
  if (auto done = apply_money(before.money, words.money); !done) return fail(done.error());
  if (words.priority.empty()) return before;
  const auto priority = parse_priority(words.priority);
  if (!priority) {
    return fail(errc::invalid_argument, "--priority: '{}' is neither high nor normal nor low",
                words.priority);
  }
  before.priority = *priority;
  return before;
}

result<std::int64_t> parse_lifetime(std::string_view text) {
  const std::int64_t unit = text.empty() ? 0 : seconds_in(text.back());
  const auto count = unit == 0 ? std::nullopt : whole_number(text.substr(0, text.size() - 1));
  if (!count || *count == 0 || *count > static_cast<std::uint64_t>(longest / unit)) {
    return fail(errc::invalid_argument,
                "'{}' is not a time such as 90s, 15m, 12h or 30d, of at most a hundred years",
                text);
  }
  return static_cast<std::int64_t>(*count) * unit;
}

}  // namespace troupe::cli
