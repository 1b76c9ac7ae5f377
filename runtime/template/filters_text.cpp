#include <algorithm>

#include "runtime/template/filters.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

bool marked(const value& v) { return v.text() != nullptr && v.text()->markup; }

template <std::string (*Change)(std::string_view)>
value changed(machine& m, const value& v, arguments& args) {
  const parameters none(m, "filter", args, {});
  return m.text(Change(to_text(m, v)), marked(v));
}

/// Words start after white space, hyphens and opening brackets only.
std::string title_words(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = at;
    std::size_t first_end = at;
    bool first = true;
    while (at < text.size()) {
      const std::size_t before = at;
      const char32_t point = decode(text, at);
      const bool divides =
          is_space(point) ||
          (point < 0x80 &&
           std::string_view("-({[<").find(static_cast<char>(point)) != std::string_view::npos);
      if (divides) {
        at = before;
        break;
      }
      if (first) first_end = at;
      first = false;
    }
    out += to_upper(text.substr(start, first_end - start));
    out += to_lower(text.substr(first_end, at - first_end));
    if (at == start) {
      static_cast<void>(decode(text, at));
      out += text.substr(start, at - start);
    }
  }
  return out;
}

value escape(machine& m, const value& v, arguments& args) {
  const parameters none(m, "escape", args, {});
  if (v.text() != nullptr && !m.room(v.text()->bytes.size() * 5)) return {};
  return marked(v) ? v : m.text(escape_html(to_text(m, v)), true);
}

value force_escape(machine& m, const value& v, arguments& args) {
  const parameters none(m, "forceescape", args, {});
  if (v.text() != nullptr && !m.room(v.text()->bytes.size() * 5)) return {};
  return m.text(escape_html(to_text(m, v)), true);
}

value safe(machine& m, const value& v, arguments& args) {
  const parameters none(m, "safe", args, {});
  return m.text(to_text(m, v), true);
}

value string(machine& m, const value& v, arguments& args) {
  const parameters none(m, "string", args, {});
  return as_text(m, v);
}

value trim(machine& m, const value& v, arguments& args) {
  const parameters given(m, "trim", args, {"chars"});
  const std::string text = to_text(m, v);
  const auto characters = given.present(0) ? std::optional(given.text(0)) : std::nullopt;
  if (characters && !m.step(1 + text.size() / 32 * (1 + characters->size() / 32))) return {};
  return m.text(std::string(strip(text, characters, side::both)), marked(v));
}

value replace(machine& m, const value& v, arguments& args) {
  const parameters given(m, "replace", args, {"old", "new", "count"}, 2);
  if (m.failed()) return {};
  const integer count = given.present(2) ? given.whole(2, -1) : -1;
  return replace_text(m, to_text(m, v), to_text(m, given[0]), to_text(m, given[1]), count, false);
}

value format(machine& m, const value& v, arguments& args) {
  if (!args.positional.empty() && !args.named.empty()) {
    return m.fail("format takes positional or keyword arguments, not both");
  }
  const value pattern = as_text(m, v);
  value operand;
  if (args.named.empty()) {
    operand = m.tuple(std::move(args.positional));
  } else {
    std::vector<dict_object::entry> entries;
    for (auto& [name, item] : args.named) entries.emplace_back(m.text(name), std::move(item));
    operand = m.dict(std::move(entries));
  }
  return m.failed() ? value() : format_percent(m, *pattern.text(), operand);
}

value word_count(machine& m, const value& v, arguments& args) {
  const parameters none(m, "wordcount", args, {});
  const std::string text = to_text(m, v);
  std::size_t count = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const bool word = is_word(decode(text, at));
    if (word && !inside) ++count;
    inside = word;
  }
  return value(count);
}

void replace_in_place(std::string& text, std::string_view from, std::string_view to) {
  if (text.find(from) != std::string::npos) text = replace_all(text, from, to, -1);
}

/// Drops everything from `open` to the next `close`, as long as there are both.
std::string without(std::string_view text, std::string_view open, std::string_view close) {
  std::string out;
  while (true) {
    const std::size_t start = text.find(open);
    const std::size_t end =
        start == std::string_view::npos ? start : text.find(close, start + open.size());
    if (end == std::string_view::npos) return out += text;
    out += text.substr(0, start);
    text.remove_prefix(end + close.size());
  }
}

value strip_tags(machine& m, const value& v, arguments& args) {
  const parameters none(m, "striptags", args, {});
  const std::string text = without(without(to_text(m, v), "<!--", "-->"), "<", ">");
  std::string out;
  for (const auto word : split_space(text, -1)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  constexpr std::pair<std::string_view, std::string_view> entities[] = {
      {"&lt;", "<"},    {"&gt;", ">"},  {"&#34;", "\""},
      {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, meaning] : entities) replace_in_place(out, entity, meaning);
  return m.text(std::move(out));
}

std::string percent_encoded(std::string_view text, bool in_query) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (is_letter(byte) || is_decimal(byte) ||
                                       std::string_view("_.-~").find(c) != std::string_view::npos);
    if (plain || (c == '/' && !in_query)) {
      out += c;
    } else if (c == ' ' && in_query) {
      out += '+';
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

value url_encode(machine& m, const value& v, arguments& args) {
  const parameters none(m, "urlencode", args, {});
  if (v.text() != nullptr || !cursor::possible(v)) {
    return m.text(percent_encoded(to_text(m, v), false));
  }
  std::string out;
  const auto put = [&](const value& key, const value& item) {
    if (!out.empty()) out += '&';
    out += percent_encoded(to_text(m, key), true) + "=" + percent_encoded(to_text(m, item), true);
  };
  if (const auto* d = v.dict()) {
    for (const auto& [key, item] : d->entries()) put(key, item);
    return m.text(std::move(out));
  }
  for (const auto& pair : collect(m, v)) {
    const auto both = collect(m, pair);
    if (m.failed()) return {};
    if (both.size() != 2) return m.fail("urlencode needs pairs of a name and a value");
    put(both[0], both[1]);
  }
  return m.text(std::move(out));
}

value xml_attributes(machine& m, const value& v, arguments& args) {
  const parameters given(m, "xmlattr", args, {"autospace"});
  const auto* d = v.dict();
  if (d == nullptr) return m.fail("xmlattr needs a mapping, not '{}'", v.type_name());
  std::string out;
  const bool space = given.flag(0, true);
  for (const auto& [key, item] : d->entries()) {
    if (item.is_none() || item.is_undefined()) continue;
    if (key.text() == nullptr ||
        key.text()->bytes.find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      return m.fail("invalid character in attribute name: {}", represent(m, key));
    }
    if (!out.empty() || space) out += ' ';
    out += escape_html(key.text()->bytes) + "=\"";
    out += marked(item) ? item.text()->bytes : escape_html(to_text(m, item));
    out += '"';
  }
  return m.text(std::move(out));
}

constexpr named<filter_function> filters[] = {
    {"upper", changed<to_upper>},
    {"lower", changed<to_lower>},
    {"capitalize", changed<capitalize>},
    {"title", changed<title_words>},
    {"escape", escape},
    {"e", escape},
    {"forceescape", force_escape},
    {"safe", safe},
    {"string", string},
    {"trim", trim},
    {"replace", replace},
    {"format", format},
    {"wordcount", word_count},
    {"striptags", strip_tags},
    {"urlencode", url_encode},
    {"xmlattr", xml_attributes},
};

}  // namespace

value replace_text(machine& m, std::string_view text, std::string_view from, std::string_view to,
                   integer count, bool markup) {
  const auto limit = static_cast<long>(count < 0 || count > 1'000'000'000 ? integer(-1) : count);
  // The result is measured before it is made.
  if (!m.step_search(text.size(), from.size())) return {};
  std::size_t places = 0;
  if (from.empty()) {
    places = count_points(text) + 1;
  } else if (to.size() > from.size()) {
    for (std::size_t at = text.find(from); at != std::string_view::npos;
         at = text.find(from, at + from.size())) {
      ++places;
    }
  }
  if (limit >= 0) places = std::min(places, static_cast<std::size_t>(limit));
  if (!m.step(1 + text.size() / 32) || !m.room(text.size() + places * to.size())) return {};
  return m.text(replace_all(text, from, to, limit), markup);
}

std::span<const named<filter_function>> text_filters() { return filters; }

}  // namespace troupe::jinja
