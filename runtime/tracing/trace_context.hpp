#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

using trace_id = std::array<std::uint8_t, 16>;
using span_id = std::array<std::uint8_t, 8>;

/// Of which trace a request is part, as the W3C's header traceparent says it.
struct trace_context {
  trace_id trace{};
  span_id parent{};
  bool sampled = false;  ///< whoever began the trace keeps it
  friend bool operator==(const trace_context&, const trace_context&) = default;
};

/// None where it is no traceparent that may be gone on with: 2-32-16-2 lower-case hex digits, no id
/// all zeros, version 00, or a later one that begins alike.
[[nodiscard]] std::optional<trace_context> parse_traceparent(std::string_view header);

/// Lower-case hex digits.
[[nodiscard]] std::string to_hex(const trace_id& id);
[[nodiscard]] std::string to_hex(const span_id& id);

}  // namespace troupe
