#include "actors/bin/usage_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr std::string_view no_groups = "total";
constexpr std::array<std::pair<std::string_view, usage_group>, 3> groups{
    {{"key", usage_group::key}, {"model", usage_group::model}, {"day", usage_group::day}}};

std::string_view name_of(usage_group group) {
  const auto* found = std::find_if(groups.begin(), groups.end(),
                                   [group](const auto& g) { return g.second == group; });
  return found->first;
}

std::vector<std::string> heading(const std::vector<usage_group>& by,
                                 const std::vector<std::string>& rest) {
  std::vector<std::string> out;
  out.reserve(by.size() + rest.size());
  for (const usage_group group : by) out.emplace_back(name_of(group));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

/// A line of the table: what it is for, then the figures.
std::vector<std::string> row(std::vector<std::string> cells, const std::string& currency,
                             const usage_totals& t) {
  for (std::string& cell : cells) cell = or_dash(cell);
  for (const std::uint64_t count : {t.answers, t.input, t.cached, t.output, t.reasoning})
    cells.push_back(std::to_string(count));
  cells.push_back(currency.empty() ? "-" : t.cost.text());
  cells.push_back(or_dash(currency));
  return cells;
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

result<std::vector<usage_group>> parse_groups(std::string_view text) {
  std::vector<usage_group> out;
  if (text == no_groups) return out;
  for (;;) {
    const std::string_view word = text.substr(0, text.find(','));
    const auto* found = std::find_if(groups.begin(), groups.end(),
                                     [word](const auto& g) { return g.first == word; });
    if (found == groups.end() || std::find(out.begin(), out.end(), found->second) != out.end())
      return fail(errc::invalid_argument,
                  "--by takes total, or each of key, model and day once with commas between, not "
                  "'{}'",
                  word.substr(0, 64));
    out.push_back(found->second);
    if (word.size() == text.size()) return out;
    text.remove_prefix(word.size() + 1);
  }
}

result<time_span> parse_days(std::string_view since, std::string_view until) {
  time_span out;
  if (!since.empty()) {
    const auto start = start_of_day(since);
    if (!start) return fail(start.error().within("--since"));
    out.since = *start;
  }
  if (!until.empty()) {
    const auto last = start_of_day(until);
    if (!last) return fail(last.error().within("--until"));
    out.until = *last + day_seconds;
  }
  return out;
}

std::string to_text(const usage_report& report, const std::vector<usage_group>& by) {
  if (report.totals.empty()) return "No usage.\n";
  std::vector<std::vector<std::string>> rows;
  rows.push_back(
      heading(by, {"answers", "input", "cached", "output", "reasoning", "cost", "currency"}));
  if (by.empty()) rows.front().insert(rows.front().begin(), std::string());
  for (const auto& [about, totals] : report.lines)
    if (!by.empty()) rows.push_back(row(about.first, about.second, totals));
  for (const auto& [currency, totals] : report.totals) {
    std::vector<std::string> cells(std::max<std::size_t>(by.size(), 1));
    rows.push_back(row(std::move(cells), currency, totals));
    std::fill_n(rows.back().begin(), std::max<std::size_t>(by.size(), 1), std::string());
    rows.back().front() = "total";
  }
  return align(rows, true);
}

std::string to_csv(const usage_report& report, const std::vector<usage_group>& by) {
  std::string out = fmt::format(
      "{}\r\n",
      fmt::join(heading(by, {"answers", "input_tokens", "cached_tokens", "cache_creation_tokens",
                             "output_tokens", "reasoning_tokens", "cost", "currency"}),
                ","));
  for (const auto& [about, t] : report.lines) {
    for (const std::string& name : about.first) out += quoted(name) + ',';
    const std::string cost = about.second.empty() ? std::string() : t.cost.text();
    out += fmt::format("{},{},{},{},{},{},{},{}\r\n", t.answers, t.input, t.cached, t.created,
                       t.output, t.reasoning, cost, about.second);
  }
  return out;
}

}  // namespace troupe::cli
