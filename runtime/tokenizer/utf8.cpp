#include "runtime/tokenizer/utf8.hpp"

namespace troupe::text {
namespace {

/// What may follow a lead byte: how many bytes in all, and the range of the second one (the first
/// of the two rules out overlong forms, surrogates and values past U+10FFFF).
struct lead {
  std::uint8_t length;
  std::uint8_t low;
  std::uint8_t high;
};

lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

utf8_step read_utf8(std::string_view text, std::size_t at) {
  const auto first = static_cast<std::uint8_t>(text[at]);
  if (first < 0x80) return {first, 1, utf8_state::valid};
  const auto [length, low, high] = lead_of(first);
  if (length == 0) return {0, 1, utf8_state::invalid};
  char32_t code_point = first & (0x7FU >> length);
  for (std::uint8_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {0, i, utf8_state::truncated};
    const auto byte = static_cast<std::uint8_t>(text[at + i]);
    const bool fits = i == 1 ? byte >= low && byte <= high : (byte & 0xC0) == 0x80;
    if (!fits) return {0, i, utf8_state::invalid};
    code_point = code_point << 6 | (byte & 0x3FU);
  }
  return {code_point, length, utf8_state::valid};
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU)));
  };
  if (code_point < 0x80) {
    out.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out.push_back(static_cast<char>(0xC0U | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out.push_back(static_cast<char>(0xE0U | code_point >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0U | code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t append_lossy(std::string& out, std::string_view bytes) {
  std::size_t at = 0;
  std::size_t copied = 0;
  while (at < bytes.size()) {
    const utf8_step step = read_utf8(bytes, at);
    if (step.state == utf8_state::truncated) break;
    if (step.state == utf8_state::invalid) {
      out.append(bytes, copied, at - copied);
      out.append(replacement);
      copied = at + step.length;
    }
    at += step.length;
  }
  out.append(bytes, copied, at - copied);
  return at;
}

}  // namespace troupe::text
