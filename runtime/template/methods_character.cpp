#include <algorithm>

#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

template <std::string (*Change)(std::string_view)>
value changed(machine& m, const value& self, arguments& args) {
  const parameters none(m, "method", args, {});
  return m.text(Change(self.text()->bytes), self.text()->markup);
}

using point_check = bool (*)(char32_t);

bool letter_or_number(char32_t point) { return is_letter(point) || is_numeric(point); }
bool ascii(char32_t point) { return point < 0x80; }

/// Whether every character passes; of an empty string `OfEmpty`.
template <point_check Check, bool OfEmpty>
value every(machine& m, const value& self, arguments& args) {
  const parameters none(m, "method", args, {});
  const std::string_view text = self.text()->bytes;
  if (!m.step(1 + text.size() / 64)) return {};
  for (std::size_t at = 0; at < text.size();) {
    if (!Check(decode(text, at))) return value(false);
  }
  return value(!text.empty() || OfEmpty);
}

template <bool Upper>
value cased(machine& m, const value& self, arguments& args) {
  const parameters none(m, "method", args, {});
  return value(all_cased(self.text()->bytes, Upper));
}

value titled(machine& m, const value& self, arguments& args) {
  const parameters none(m, "istitle", args, {});
  const std::string& text = self.text()->bytes;
  const bool letters = to_upper(text) != text || to_lower(text) != text;
  return value(letters && to_title(text) == text);
}

value identifier(machine& m, const value& self, arguments& args) {
  const parameters none(m, "isidentifier", args, {});
  const std::string_view text = self.text()->bytes;
  for (std::size_t at = 0; at < text.size();) {
    const bool first = at == 0;
    const char32_t point = decode(text, at);
    if (!is_word(point) || (first && is_numeric(point))) return value(false);
  }
  return value(!text.empty());
}

value expand_tabs(machine& m, const value& self, arguments& args) {
  const parameters given(m, "expandtabs", args, {"tabsize"});
  const integer size = std::clamp(given.whole(0, 8), integer(0), integer(1) << 20);
  const std::string_view text = self.text()->bytes;
  const auto tabs = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\t'));
  if (!m.room(text.size() + tabs * static_cast<std::size_t>(size))) return {};
  std::string out;
  integer column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t point = decode(text, at);
    if (point == '\t') {
      const integer fill = size > 0 ? size - column % size : 0;
      out.append(static_cast<std::size_t>(fill), ' ');
      column += fill;
      continue;
    }
    column = point == '\n' || point == '\r' ? 0 : column + 1;
    out += text.substr(start, at - start);
  }
  return m.text(std::move(out));
}

constexpr named<method_function> methods[] = {
    {"upper", changed<to_upper>},
    {"lower", changed<to_lower>},
    {"casefold", changed<to_lower>},
    {"title", changed<to_title>},
    {"capitalize", changed<capitalize>},
    {"swapcase", changed<swap_case>},
    {"expandtabs", expand_tabs},
    {"isdigit", every<is_digit, false>},
    {"isdecimal", every<is_decimal, false>},
    {"isnumeric", every<is_numeric, false>},
    {"isalpha", every<is_letter, false>},
    {"isalnum", every<letter_or_number, false>},
    {"isspace", every<is_space, false>},
    {"isascii", every<ascii, true>},
    {"isprintable", every<is_printable, true>},
    {"isupper", cased<true>},
    {"islower", cased<false>},
    {"istitle", titled},
    {"isidentifier", identifier},
};

}  // namespace

std::span<const named<method_function>> character_methods() { return methods; }

}  // namespace troupe::jinja
