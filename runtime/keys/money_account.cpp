#include "runtime/keys/money_account.hpp"

#include <algorithm>
#include <chrono>

namespace troupe {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year_month_day;

amount sum_of(amount a, amount b) {
  amount sum = a;
  return sum.add(b) ? sum : amount(~uint128{0});
}

amount difference(amount a, amount b) { return amount(a.units() - std::min(a.units(), b.units())); }

sys_days day_of_second(std::int64_t unix_now) {
  return std::chrono::floor<days>(sys_seconds(std::chrono::seconds(unix_now)));
}

std::int64_t second_of(sys_days day) {
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count();
}

}  // namespace

std::int64_t period_start(budget_period per, std::int64_t unix_now) {
  if (per == budget_period::life) return 0;
  const sys_days day = day_of_second(unix_now);
  if (per == budget_period::day) return second_of(day);
  const year_month_day date(day);
  return second_of(sys_days(date.year() / date.month() / 1));
}

std::optional<std::int64_t> period_end(budget_period per, std::int64_t unix_now) {
  if (per == budget_period::life) return std::nullopt;
  const sys_days day = day_of_second(unix_now);
  if (per == budget_period::day) return second_of(day + days(1));
  const year_month_day date(day);
  return second_of(sys_days((date.year() / date.month() + std::chrono::months(1)) / 1));
}

money_spent combined(const money_spent& a, const money_spent& b) {
  if (a.since != b.since) return a.since > b.since ? a : b;
  return {sum_of(a.sum, b.sum), a.since};
}

void money_account::set(const std::optional<money_budget>& budget, const money_spent& in_file) {
  budget_ = budget;
  in_file_ = in_file;
}

budget_period money_account::period() const { return budget_ ? budget_->per : budget_period::life; }

amount money_account::taken(std::int64_t unix_now) const {
  const std::int64_t since = period_start(period(), unix_now);
  amount sum = set_aside_;
  for (const money_spent* part : {&in_file_, &unsaved_})
    if (part->since == since) sum = sum_of(sum, part->sum);
  return sum;
}

bool money_account::reserve(amount most, std::int64_t unix_now) {
  if (budget_ && sum_of(taken(unix_now), most) > budget_->most) return false;
  set_aside_ = sum_of(set_aside_, most);
  return true;
}

void money_account::settle(amount reserved, amount used, std::int64_t unix_now) {
  set_aside_ = difference(set_aside_, reserved);
  if (used != amount()) unsaved_ = combined(unsaved_, {used, period_start(period(), unix_now)});
}

bool money_account::spent(std::int64_t unix_now) const {
  return budget_ && taken(unix_now) >= budget_->most;
}

void money_account::saved(const money_spent& part) {
  in_file_ = combined(in_file_, part);
  if (unsaved_.since == part.since) unsaved_.sum = difference(unsaved_.sum, part.sum);
}

}  // namespace troupe
