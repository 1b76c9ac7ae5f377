#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/keys/key_record.hpp"

namespace troupe {

/// The groups of endpoints that a key may be held to: "chat", "completions", "tokens" (turning
/// text into tokens and back), "models", and "admin" (metrics, the cluster and its drains), which a
/// key has only where it is named.
[[nodiscard]] std::span<const std::string_view> key_endpoints();

[[nodiscard]] bool allows_endpoint(const key_scope& scope, std::string_view endpoint);
[[nodiscard]] bool allows_model(const key_scope& scope, std::string_view model);

/// "high", "normal" or "low".
[[nodiscard]] std::string_view to_string(key_priority priority);
/// Nothing where it is none of them.
[[nodiscard]] std::optional<key_priority> parse_priority(std::string_view word);
/// "life", "day" or "month".
[[nodiscard]] std::string_view to_string(budget_period per);
/// Nothing where it is none of them.
[[nodiscard]] std::optional<budget_period> parse_period(std::string_view word);
/// 0 goes before 1, and 1 before 2.
[[nodiscard]] std::uint8_t rank_of(key_priority priority);

/// From 1 to 64 letters, digits and "._-": names stand in lists, logs and command lines.
[[nodiscard]] result<void> check_key_name(std::string_view name);
/// Known endpoints; models with from 1 to 256 printable bytes and without commas.
[[nodiscard]] result<void> check_key_scope(const key_scope& scope);

}  // namespace troupe
