#include "runtime/keys/rate_text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "runtime/keys/key_names.hpp"

namespace troupe {
namespace {

constexpr std::int64_t ms_a_second = 1000;
constexpr std::int64_t ms_a_minute = 60 * ms_a_second;

}  // namespace

std::string short_duration(std::chrono::duration<double> d) {
  const auto ms = static_cast<std::int64_t>(std::ceil(d.count() * ms_a_second - 1e-6));
  if (ms <= 0) return "0s";
  if (ms < ms_a_second) return fmt::format("{}ms", ms);
  const std::int64_t rest = ms % ms_a_minute;
  const std::string seconds = rest % ms_a_second == 0
                                  ? fmt::format("{}s", rest / ms_a_second)
                                  : fmt::format("{:.3g}s", static_cast<double>(rest) / 1e3);
  return ms < ms_a_minute ? seconds : fmt::format("{}m{}", ms / ms_a_minute, seconds);
}

std::string describe(const rate_refusal& refusal) {
  const std::string wait = short_duration(refusal.wait);
  switch (refusal.by) {
    case rate_limit::requests:
      return fmt::format("this key has used its {} requests a minute; try again in {}",
                         refusal.limit, wait);
    case rate_limit::request_burst:
      return fmt::format(
          "this key's requests come too fast, more than {} a second; spread them and try again in "
          "{}",
          refusal.limit, wait);
    case rate_limit::tokens:
      return fmt::format(
          "this key has {} tokens a minute, and this request may use {}, more than are left of "
          "them; try again in {}",
          refusal.limit, refusal.asked, wait);
    case rate_limit::token_burst:
      return fmt::format(
          "this key's tokens come too fast, more than {} a second; spread them and try again in {}",
          refusal.limit, wait);
    case rate_limit::tokens_at_once:
      return fmt::format(
          "this request may use {} tokens, more than the {} a minute that its key has; shorten the "
          "prompt or lower max_tokens",
          refusal.asked, refusal.limit);
    case rate_limit::budget:
      return fmt::format(
          "this key has a budget of {} tokens, and this request may use {}, more than are left",
          refusal.limit, refusal.asked);
    case rate_limit::money:
      return fmt::format(
          "this key has a budget of {}{}, and this request may cost {}, more than is left of it",
          refusal.budget.most.text(),
          refusal.budget.per == budget_period::life
              ? ""
              : fmt::format(" a {}", to_string(refusal.budget.per)),
          refusal.cost.text());
  }
  return {};
}

}  // namespace troupe
