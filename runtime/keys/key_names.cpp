#include "runtime/keys/key_names.hpp"

#include <algorithm>
#include <array>

namespace troupe {
namespace {

constexpr std::string_view admin = "admin";
constexpr std::array<std::string_view, 7> endpoints{"chat",   "completions", "responses", "batches",
                                                    "tokens", "models",      admin};
constexpr std::array<std::string_view, 3> priorities{"high", "normal", "low"};
constexpr std::array<std::string_view, 3> periods{"life", "day", "month"};
constexpr std::size_t most_name_bytes = 64;
constexpr std::size_t most_model_bytes = 256;

bool fits_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool fits_model(char c) { return c > ' ' && c <= '~' && c != ','; }

}  // namespace

std::span<const std::string_view> key_endpoints() { return endpoints; }

bool allows_endpoint(const key_scope& scope, std::string_view endpoint) {
  if (scope.endpoints.empty()) return endpoint != admin;
  return std::ranges::find(scope.endpoints, endpoint) != scope.endpoints.end();
}

bool allows_model(const key_scope& scope, std::string_view model) {
  return scope.models.empty() || std::ranges::find(scope.models, model) != scope.models.end();
}

std::string_view to_string(key_priority priority) { return priorities.at(rank_of(priority)); }

std::optional<key_priority> parse_priority(std::string_view word) {
  const auto found = std::ranges::find(priorities, word);
  if (found == priorities.end()) return std::nullopt;
  return static_cast<key_priority>(found - priorities.begin());
}

std::string_view to_string(budget_period per) { return periods.at(static_cast<std::size_t>(per)); }

std::optional<budget_period> parse_period(std::string_view word) {
  const auto found = std::ranges::find(periods, word);
  if (found == periods.end()) return std::nullopt;
  return static_cast<budget_period>(found - periods.begin());
}

std::uint8_t rank_of(key_priority priority) { return static_cast<std::uint8_t>(priority); }

result<void> check_key_name(std::string_view name) {
  if (!name.empty() && name.size() <= most_name_bytes && std::ranges::all_of(name, fits_name))
    return {};
  return fail(errc::invalid_argument,
              "a key's name has from 1 to {} letters, digits, dots, dashes and underscores",
              most_name_bytes);
}

result<void> check_key_scope(const key_scope& scope) {
  for (const std::string& word : scope.endpoints) {
    if (std::ranges::find(endpoints, word) == endpoints.end()) {
      return fail(errc::invalid_argument, "no endpoints are called '{}'; there are {}", word,
                  fmt::join(endpoints, ", "));
    }
  }
  for (const std::string& model : scope.models)
    if (model.empty() || model.size() > most_model_bytes || !std::ranges::all_of(model, fits_model))
      return fail(errc::invalid_argument, "'{}' cannot be a model's name", model);
  return {};
}

}  // namespace troupe
