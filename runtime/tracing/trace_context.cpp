#include "runtime/tracing/trace_context.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t header_size = 55;

/// False where `text` is not just as many lower-case hex digits as `bytes` has room for.
template <std::size_t Size>
bool read_hex(std::string_view text, std::array<std::uint8_t, Size>& bytes) {
  if (text.size() != 2 * Size) return false;
  for (std::size_t i = 0; i < Size; ++i) {
    const std::size_t high = digits.find(text[2 * i]);
    const std::size_t low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return true;
}

template <std::size_t Size>
bool any(const std::array<std::uint8_t, Size>& bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b != 0; });
}

template <std::size_t Size>
std::string hex_of(const std::array<std::uint8_t, Size>& bytes) {
  std::string text;
  text.reserve(2 * Size);
  for (const std::uint8_t b : bytes) {
    text += digits[b >> 4U];
    text += digits[b & 15U];
  }
  return text;
}

}  // namespace

std::optional<trace_context> parse_traceparent(std::string_view header) {
  if (header.size() < header_size || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  trace_context made;
  if (!read_hex(header.substr(0, 2), version) || !read_hex(header.substr(3, 32), made.trace) ||
      !read_hex(header.substr(36, 16), made.parent) || !read_hex(header.substr(53, 2), flags))
    return std::nullopt;
  // A later version may have more behind a further dash; 255 is none.
  if (version[0] == 255) return std::nullopt;
  if (header.size() > header_size && (version[0] == 0 || header[header_size] != '-'))
    return std::nullopt;
  if (!any(made.trace) || !any(made.parent)) return std::nullopt;
  made.sampled = (flags[0] & 1U) != 0;
  return made;
}

std::string to_hex(const trace_id& id) { return hex_of(id); }
std::string to_hex(const span_id& id) { return hex_of(id); }

}  // namespace troupe
