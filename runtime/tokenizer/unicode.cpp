#include "runtime/tokenizer/unicode.hpp"

#include <utf8proc.h>

#include <array>

namespace troupe::text {
namespace {

constexpr char_kind ascii_kind(unsigned c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return char_kind::letter;
  if (c >= '0' && c <= '9') return char_kind::number;
  if (c == '\r' || c == '\n') return char_kind::newline;
  if (c == ' ' || (c >= '\t' && c <= '\r')) return char_kind::space;
  return char_kind::other;
}

constexpr auto ascii_kinds = [] {
  std::array<char_kind, 128> kinds{};
  for (unsigned c = 0; c < kinds.size(); ++c) kinds[c] = ascii_kind(c);
  return kinds;
}();

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

}  // namespace

char_kind kind_of(char32_t c) {
  if (c < ascii_kinds.size()) return ascii_kinds[c];
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return char_kind::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return char_kind::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return char_kind::space;
    default:
      return c == 0x85 ? char_kind::space : char_kind::other;  // NEL, a control, is \s
  }
}

bool is_word_character(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_PC:
      return true;
    // The symbols that are Alphabetic: circled, squared and negative letters.
    case UTF8PROC_CATEGORY_SO:
      return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
             (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    default:
      return c == 0x200C || c == 0x200D;
  }
}

character character_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < ascii_kinds.size()) return {ascii_kinds[first], 1};
  const utf8_step step = read_utf8(text, at);
  if (step.state != utf8_state::valid) return {char_kind::other, 1};
  return {kind_of(step.code_point), step.length};
}

std::size_t run_end(std::string_view text, std::size_t at, char_kind kind) {
  for (character c = character_at(text, at); c.kind == kind; c = character_at(text, at))
    at += c.length;
  return at;
}

}  // namespace troupe::text
