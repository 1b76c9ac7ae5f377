#include "runtime/template/text.hpp"

#include <utf8proc.h>

#include <cstdint>

namespace troupe::jinja {
namespace {

constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

utf8proc_category_t category(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

}  // namespace

char32_t decode(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  std::size_t extra = 0;
  char32_t point = first;
  if (first >= 0xF0 && first < 0xF5) {
    extra = 3;
    point = first & 0x07U;
  } else if (first >= 0xE0 && first < 0xF0) {
    extra = 2;
    point = first & 0x0FU;
  } else if (first >= 0xC2 && first < 0xE0) {
    extra = 1;
    point = first & 0x1FU;
  }
  if (at + extra >= text.size()) extra = 0;
  for (std::size_t i = 1; i <= extra; ++i) {
    if (!continues(text[at + i])) {
      ++at;
      return first;
    }
    point = (point << 6U) | (byte(at + i) & 0x3FU);
  }
  at += extra + 1;
  return extra == 0 ? first : point;
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0U | (point >> 6U));
    put(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    put(0xE0U | (point >> 12U));
    put(0x80U | ((point >> 6U) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  } else {
    put(0xF0U | (point >> 18U));
    put(0x80U | ((point >> 12U) & 0x3FU));
    put(0x80U | ((point >> 6U) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  }
}

bool valid_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const auto size = utf8proc_iterate(at, left, &point);
    if (size <= 0) return false;
    at += size;
    left -= size;
  }
  return true;
}

std::size_t count_points(std::string_view text) {
  std::size_t count = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
    } else {
      static_cast<void>(decode(text, at));
    }
    ++count;
  }
  return count;
}

std::size_t offset_of(std::string_view text, std::size_t point) {
  std::size_t at = 0;
  for (; point > 0 && at < text.size(); --point) static_cast<void>(decode(text, at));
  return at;
}

bool is_space(char32_t point) {
  if (point < 0x80)
    return point == ' ' || (point >= 9 && point <= 13) || (point >= 28 && point <= 31);
  return point == 0x85 || point == 0xA0 || point == 0x1680 ||
         (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
         point == 0x202F || point == 0x205F || point == 0x3000;
}

bool is_letter(char32_t point) {
  if (point < 0x80) return (point | 0x20U) >= 'a' && (point | 0x20U) <= 'z';
  const auto c = category(point);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t point) {
  if (point < 0x80) return point >= '0' && point <= '9';
  return category(point) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t point) {
  // Besides decimals: superscripts and circled digits, the ones that come up in text.
  return is_decimal(point) || point == 0xB2 || point == 0xB3 || point == 0xB9 || point == 0x2070 ||
         (point >= 0x2074 && point <= 0x2079) || (point >= 0x2080 && point <= 0x2089) ||
         (point >= 0x2460 && point <= 0x2468);
}

bool is_numeric(char32_t point) {
  if (is_digit(point)) return true;
  const auto c = category(point);
  return c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool is_upper(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z';
  return category(point) == UTF8PROC_CATEGORY_LU;
}

bool is_lower(char32_t point) {
  if (point < 0x80) return point >= 'a' && point <= 'z';
  return category(point) == UTF8PROC_CATEGORY_LL || point == 0xAA || point == 0xBA;
}

bool is_word(char32_t point) { return point == '_' || is_letter(point) || is_numeric(point); }

bool is_printable(char32_t point) {
  if (point < 0x80) return point >= 0x20 && point < 0x7F;
  switch (category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string_view strip(std::string_view text, std::optional<std::string_view> characters,
                       side where) {
  std::u32string set;
  if (characters) {
    for (std::size_t at = 0; at < characters->size();) set += decode(*characters, at);
  }
  const auto drop = [&](char32_t point) {
    return characters ? set.find(point) != std::u32string::npos : is_space(point);
  };
  while (where != side::right && !text.empty()) {
    std::size_t at = 0;
    if (!drop(decode(text, at))) break;
    text.remove_prefix(at);
  }
  while (where != side::left && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && continues(text[start]) && text.size() - start < 4) --start;
    std::size_t at = start;
    const char32_t point = decode(text, at);
    if (at != text.size()) start = text.size() - 1;  // a stray continuation byte
    if (!drop(at == text.size() ? point : static_cast<unsigned char>(text.back()))) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t before = at;
    const char32_t point = decode(text, at);
    const bool ends = (point >= 10 && point <= 13) || (point >= 28 && point <= 30) ||
                      point == 0x85 || point == 0x2028 || point == 0x2029;
    if (!ends) continue;
    if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : before) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

std::vector<std::string_view> split_space(std::string_view text, long limit) {
  std::vector<std::string_view> parts;
  text = strip(text, std::nullopt, side::left);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<long>(parts.size()) == limit) {
      parts.push_back(text);
      break;
    }
    std::size_t end = 0;
    std::size_t at = 0;
    while (at < text.size()) {
      end = at;
      if (is_space(decode(text, at))) break;
      end = at;
    }
    parts.push_back(text.substr(0, end));
    text = strip(text.substr(end), std::nullopt, side::left);
  }
  return parts;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to,
                        long limit) {
  std::string out;
  std::size_t at = 0;
  long done = 0;
  if (from.empty()) {
    // Python puts `to` before every code point and at the end.
    while (limit < 0 || done < limit) {
      out += to;
      ++done;
      if (at >= text.size()) break;
      const std::size_t start = at;
      static_cast<void>(decode(text, at));
      out += text.substr(start, at - start);
    }
    return out += text.substr(at);
  }
  while (limit < 0 || done < limit) {
    const std::size_t found = text.find(from, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
    ++done;
  }
  return out += text.substr(at);
}

}  // namespace troupe::jinja
