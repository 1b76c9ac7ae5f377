#include "actors/bin/key_report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/bin/table.hpp"
#include "runtime/keys/key_names.hpp"

namespace troupe::cli {

namespace json = boost::json;

namespace {

std::string date(std::optional<std::int64_t> at) {
  if (!at) return "never";
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(*at)));
}

std::string count(std::optional<std::uint64_t> value) {
  return value ? short_count(*value) : "none";
}

std::string words(const std::vector<std::string>& list, std::string_view otherwise) {
  return list.empty() ? std::string(otherwise) : fmt::format("{}", fmt::join(list, ","));
}

std::string_view state(const key_record& k, std::int64_t now) {
  if (k.revoked) return "revoked";
  return k.expires && *k.expires <= now ? "expired" : "in force";
}

std::string budget(const std::optional<money_budget>& money) {
  if (!money) return "none";
  if (money->per == budget_period::life) return money->most.text();
  return fmt::format("{}/{}", money->most.text(), to_string(money->per));
}

/// In the period of now.
std::string spent_money(const key_record& k, std::int64_t now) {
  const budget_period per = k.limits.money ? k.limits.money->per : budget_period::life;
  return k.spent_money.since == period_start(per, now) ? k.spent_money.sum.text() : "0";
}

template <class T>
json::value value(const std::optional<T>& v) {
  return v ? json::value(*v) : json::value(nullptr);
}

}  // namespace

std::string to_text(std::span<const key_record> keys, std::int64_t now) {
  std::vector<std::vector<std::string>> rows{
      {"name", "key", "state", "created", "expires", "requests/min", "tokens/min", "budget",
       "spent", "priority", "models", "endpoints", "money", "spent money"}};
  for (const key_record& k : keys) {
    rows.push_back({k.name, k.hint, std::string(state(k, now)), date(k.created), date(k.expires),
                    count(k.limits.requests_per_minute), count(k.limits.tokens_per_minute),
                    count(k.limits.token_budget), short_count(k.spent_tokens),
                    std::string(to_string(k.limits.priority)), words(k.scope.models, "all"),
                    words(k.scope.endpoints, "all but admin"), budget(k.limits.money),
                    spent_money(k, now)});
  }
  return align(rows, false);
}

json::array to_json(std::span<const key_record> keys, std::int64_t now) {
  json::array out;
  for (const key_record& k : keys) {
    out.push_back(json::object{
        {"name", k.name},
        {"key", k.hint},
        {"state", json::string_view(state(k, now))},
        {"created", k.created},
        {"expires", value(k.expires)},
        {"revoked", value(k.revoked)},
        {"requests_per_minute", value(k.limits.requests_per_minute)},
        {"tokens_per_minute", value(k.limits.tokens_per_minute)},
        {"token_budget", value(k.limits.token_budget)},
        {"spent_tokens", k.spent_tokens},
        {"money_budget", k.limits.money ? json::value(k.limits.money->most.text()) : json::value()},
        {"budget_period", k.limits.money
                              ? json::value(json::string_view(to_string(k.limits.money->per)))
                              : json::value()},
        {"spent_money", spent_money(k, now)},
        {"priority", json::string_view(to_string(k.limits.priority))},
        {"models", json::array(k.scope.models.begin(), k.scope.models.end())},
        {"endpoints", json::array(k.scope.endpoints.begin(), k.scope.endpoints.end())}});
  }
  return out;
}

}  // namespace troupe::cli
