#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/billing/usage_reading.hpp"

namespace troupe {

/// What lines of a report are for.
enum class usage_group : std::uint8_t { key, model, day };

/// Answers added up; exact.
struct usage_totals {
  std::uint64_t answers = 0;
  std::uint64_t input = 0;
  std::uint64_t cached = 0;   ///< of the input: found in the cache, asked for or not
  std::uint64_t created = 0;  ///< of the input: put into the cache on request
  std::uint64_t output = 0;
  std::uint64_t reasoning = 0;  ///< of the output
  amount cost;

  /// Fails with out_of_range where a sum of money is too large.
  [[nodiscard]] result<void> add(const usage_record& record);
};

struct usage_report {
  /// What a line is for: a value of each group that was asked for, in that order. A day is
  /// "2026-01-31", of UTC.
  using line_key = std::vector<std::string>;
  /// By what it is for, then by currency (empty: what has no price): money of different currencies
  /// is never added up.
  std::map<std::pair<line_key, std::string>, usage_totals> lines;
  std::map<std::string, usage_totals> totals;  ///< by currency
};

/// Adds up ledgers; fails as read_usage.
[[nodiscard]] result<usage_report> report_usage(const std::vector<std::string>& places,
                                                const std::vector<usage_group>& by,
                                                const time_span& span);

/// The first second of a day of UTC, "2026-01-31". Fails with invalid_argument.
[[nodiscard]] result<std::int64_t> start_of_day(std::string_view day);
/// The day of UTC that holds this second.
[[nodiscard]] std::string day_of(std::int64_t seconds);

}  // namespace troupe
