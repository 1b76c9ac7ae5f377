#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/billing/usage_report.hpp"

namespace troupe::cli {

/// "day,model": what lines are for, in that order; "total" is for none. Fails with
/// invalid_argument.
[[nodiscard]] result<std::vector<usage_group>> parse_groups(std::string_view text);

/// The days from `since` to `until`, both included; empty: without end. Fails with
/// invalid_argument.
[[nodiscard]] result<time_span> parse_days(std::string_view since, std::string_view until);

/// A table, with a line of totals for each currency.
[[nodiscard]] std::string to_text(const usage_report& report, const std::vector<usage_group>& by);
/// The same lines for other programs, without totals (RFC 4180).
[[nodiscard]] std::string to_csv(const usage_report& report, const std::vector<usage_group>& by);

}  // namespace troupe::cli
