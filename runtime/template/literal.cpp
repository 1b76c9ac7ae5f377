#include "runtime/template/literal.hpp"

#include "runtime/template/lexer.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

bool digit_of(char c, int base) {
  if (c >= '0' && c <= '9') return c - '0' < base;
  const char low = static_cast<char>(static_cast<unsigned char>(c) | 0x20U);
  return base == 16 && low >= 'a' && low <= 'f';
}

/// The end of digits with single underscores between them that start at `from`.
std::size_t past_digits(std::string_view text, std::size_t from, int base) {
  std::size_t at = from;
  while (at < text.size()) {
    const std::size_t digit = text[at] == '_' && at > from ? at + 1 : at;
    if (digit >= text.size() || !digit_of(text[digit], base)) break;
    at = digit + 1;
  }
  return at;
}

/// The end of a float that starts `text`, or 0.
std::size_t past_real(std::string_view text) {
  std::size_t at = past_digits(text, 0, 10);
  if (at == 0) return 0;
  bool real = false;
  if (at + 1 < text.size() && text[at] == '.' && digit_of(text[at + 1], 10)) {
    at = past_digits(text, at + 1, 10);
    real = true;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t power = at + 1;
    if (power < text.size() && (text[power] == '+' || text[power] == '-')) ++power;
    const std::size_t end = past_digits(text, power, 10);
    if (end > power) return end;
  }
  return real ? at : 0;
}

std::size_t past_whole(std::string_view text) {
  if (text.size() > 2 && text[0] == '0') {
    const char letter = static_cast<char>(static_cast<unsigned char>(text[1]) | 0x20U);
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base != 0) {
      const std::size_t first = text[2] == '_' ? 3 : 2;
      const std::size_t end = past_digits(text, first, base);
      if (end > first) return end;
    }
  }
  if (text.empty() || !digit_of(text[0], 10)) return 0;
  if (text[0] != '0') return past_digits(text, 0, 10);
  std::size_t at = 1;
  while (at < text.size() && (text[at] == '0' || (text.substr(at).starts_with("_0")))) {
    at += text[at] == '0' ? 1 : 2;
  }
  return at;
}

struct escape_reader {
  std::string_view literal;
  std::size_t at = 0;
  std::string out;

  /// Reads `count` hexadecimal digits, exactly.
  result<void> hexadecimal(std::size_t count) {
    char32_t point = 0;
    for (std::size_t i = 0; i < count; ++i, ++at) {
      if (at >= literal.size() || !digit_of(literal[at], 16)) {
        return fail(errc::invalid_argument, "a string escape needs {} hexadecimal digits", count);
      }
      point = point * 16 + static_cast<char32_t>(*parse_integer(literal.substr(at, 1), 16));
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
      return fail(errc::invalid_argument, "a string escape names no character");
    }
    append_utf8(out, point);
    return {};
  }

  void octal() {
    char32_t point = 0;
    for (int i = 0; i < 3 && at < literal.size() && digit_of(literal[at], 8); ++i, ++at) {
      point = point * 8 + static_cast<char32_t>(literal[at] - '0');
    }
    append_utf8(out, point);
  }

  result<void> escape() {
    const char c = literal[at++];
    constexpr std::string_view letters = "abfnrtv\\'\"";
    constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\'\"";
    if (const auto found = letters.find(c); found != std::string_view::npos) {
      out += meanings[found];
    } else if (c == '\n') {
      // A backslash at the end of a line joins the next one.
    } else if (c == 'x') {
      return hexadecimal(2);
    } else if (c == 'u') {
      return hexadecimal(4);
    } else if (c == 'U') {
      return hexadecimal(8);
    } else if (c == 'N') {
      return fail(errc::invalid_argument, "\\N{{...}} in a string is not supported");
    } else if (digit_of(c, 8)) {
      --at;
      octal();
    } else {
      out += '\\';
      out += c;
    }
    return {};
  }
};

}  // namespace

std::optional<number_literal> scan_number(std::string_view text, bool after_dot) {
  number_literal number;
  number.size = after_dot ? 0 : past_real(text);
  number.is_real = number.size > 0;
  if (number.is_real) {
    number.real = *parse_real(text.substr(0, number.size));
    return number;
  }
  number.size = past_whole(text);
  if (number.size == 0) return {};
  const auto whole = parse_integer(text.substr(0, number.size), 0);
  number.fits = whole.has_value();
  number.whole = whole.value_or(0);
  return number;
}

std::size_t scan_name(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t next = at;
    const char32_t point = decode(text, next);
    if (!is_word(point) || (at == 0 && is_numeric(point))) break;
    at = next;
  }
  return at;
}

result<std::string> unescape(std::string_view literal) {
  escape_reader reader{literal, 0, {}};
  while (reader.at < literal.size()) {
    const char c = literal[reader.at++];
    if (c != '\\' || reader.at >= literal.size()) {
      reader.out += c;
    } else if (auto done = reader.escape(); !done) {
      return fail(std::move(done.error()));
    }
  }
  return std::move(reader.out);
}

}  // namespace troupe::jinja
