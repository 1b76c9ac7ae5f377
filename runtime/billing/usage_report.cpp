#include "runtime/billing/usage_report.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace troupe {
namespace {

constexpr std::string_view day_pattern = "0000-00-00";

std::string value_of(const usage_record& record, usage_group group) {
  switch (group) {
    case usage_group::key:
      return record.key;
    case usage_group::model:
      return record.model;
    case usage_group::day:
      break;
  }
  return day_of(record.created);
}

int number_in(std::string_view digits) {
  int out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

}  // namespace

result<void> usage_totals::add(const usage_record& record) {
  if (record.cost)
    if (auto done = cost.add(record.cost->total); !done) return done;
  ++answers;
  input += record.tokens.input;
  cached += record.tokens.implicit_hits + record.tokens.explicit_hits;
  created += record.tokens.explicit_creation;
  output += record.tokens.output;
  reasoning += record.reasoning.value_or(0);
  return {};
}

result<usage_report> report_usage(const std::vector<std::string>& places,
                                  const std::vector<usage_group>& by, const time_span& span) {
  usage_report out;
  const auto add = [&](const usage_record& record) -> result<void> {
    const std::string currency = record.cost ? record.cost->currency : std::string();
    usage_report::line_key key;
    key.reserve(by.size());
    for (const usage_group group : by) key.push_back(value_of(record, group));
    if (auto done = out.lines[{std::move(key), currency}].add(record); !done) return done;
    return out.totals[currency].add(record);
  };
  if (auto done = read_usage(places, span, add); !done) return fail(done.error());
  return out;
}

result<std::int64_t> start_of_day(std::string_view day) {
  using namespace std::chrono;
  const auto alike = [](char c, char pattern) {
    return pattern == '0' ? c >= '0' && c <= '9' : c == pattern;
  };
  if (std::equal(day.begin(), day.end(), day_pattern.begin(), day_pattern.end(), alike)) {
    const year_month_day date{year(number_in(day.substr(0, 4))),
                              month(static_cast<unsigned>(number_in(day.substr(5, 2)))),
                              std::chrono::day(static_cast<unsigned>(number_in(day.substr(8, 2))))};
    if (date.ok()) return duration_cast<seconds>(sys_days(date).time_since_epoch()).count();
  }
  return fail(errc::invalid_argument, "'{}' is not a day such as 2026-01-31", day.substr(0, 64));
}

std::string day_of(std::int64_t seconds_since_1970) {
  using namespace std::chrono;
  const year_month_day date{floor<days>(sys_seconds(seconds(seconds_since_1970)))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace troupe
