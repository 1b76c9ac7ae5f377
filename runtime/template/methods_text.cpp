#include <algorithm>

#include "runtime/template/filters.hpp"
#include "runtime/template/format.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// A piece of a string as a value of its own.
value piece(machine& m, const value& self, std::string_view bytes) {
  return m.text(std::string(bytes), self.text()->markup);
}

template <side Where>
value strip_side(machine& m, const value& self, arguments& args) {
  const parameters given(m, "strip", args, {""});
  const auto characters = given.present(0) ? std::optional(given.text(0)) : std::nullopt;
  const std::string_view text = self.text()->bytes;
  if (!m.step(1 + text.size() / 32 * (characters ? 1 + characters->size() / 32 : 1))) return {};
  return piece(m, self, strip(text, characters, Where));
}

value pieces(machine& m, const value& self, const std::vector<std::string_view>& parts) {
  std::vector<value> items;
  items.reserve(parts.size());
  for (const auto part : parts) {
    items.push_back(piece(m, self, part));
    if (m.failed()) return {};
  }
  return m.list(std::move(items));
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       integer limit) {
  std::vector<std::string_view> parts;
  while (limit < 0 || static_cast<integer>(parts.size()) < limit) {
    const std::size_t found = text.find(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(0, found));
    text.remove_prefix(found + separator.size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator,
                                             integer limit) {
  std::vector<std::string_view> parts;
  while (limit < 0 || static_cast<integer>(parts.size()) < limit) {
    const std::size_t found = text.rfind(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

/// rsplit() at white space: the last `limit` words, and the rest before them.
std::vector<std::string_view> split_space_right(std::string_view text, integer limit) {
  auto words = split_space(text, -1);
  if (limit < 0 || static_cast<integer>(words.size()) <= limit) return words;
  const auto joined = words.size() - static_cast<std::size_t>(limit);
  const char* end = words[joined - 1].data() + words[joined - 1].size();
  // Python keeps white space in front of what it did not split.
  std::vector<std::string_view> parts{{text.data(), static_cast<std::size_t>(end - text.data())}};
  parts.insert(parts.end(), words.begin() + static_cast<std::ptrdiff_t>(joined), words.end());
  return parts;
}

template <bool Right>
value split(machine& m, const value& self, arguments& args) {
  const parameters given(m, "split", args, {"sep", "maxsplit"});
  integer limit = given.whole(1, -1);
  if (limit > 1'000'000'000) limit = -1;
  const std::string_view separator = given.present(0) ? given.text(0) : std::string_view();
  const std::string_view text = self.text()->bytes;
  if (!m.step_search(text.size(), separator.size()) || !m.room(text.size() * 16)) return {};
  if (!given.present(0)) {
    return pieces(
        m, self,
        Right ? split_space_right(text, limit) : split_space(text, static_cast<long>(limit)));
  }
  if (separator.empty()) return m.fail("empty separator");
  return pieces(m, self,
                Right ? split_at_right(text, separator, limit) : split_at(text, separator, limit));
}

value lines(machine& m, const value& self, arguments& args) {
  const parameters given(m, "splitlines", args, {"keepends"});
  const std::string_view text = self.text()->bytes;
  if (!m.step(1 + text.size() / 16) || !m.room(text.size() * 16)) return {};
  return pieces(m, self, split_lines(text, given.flag(0, false)));
}

template <bool Right>
value partition(machine& m, const value& self, arguments& args) {
  const parameters given(m, "partition", args, {""}, 1);
  const std::string_view separator = given.text(0);
  if (m.failed()) return {};
  if (separator.empty()) return m.fail("empty separator");
  const std::string_view text = self.text()->bytes;
  if (!m.step_search(text.size(), separator.size())) return {};
  const std::size_t found = Right ? text.rfind(separator) : text.find(separator);
  if (found == std::string_view::npos) {
    const value none = piece(m, self, {});
    return Right ? m.tuple({none, none, self}) : m.tuple({self, none, none});
  }
  return m.tuple({piece(m, self, text.substr(0, found)), piece(m, self, separator),
                  piece(m, self, text.substr(found + separator.size()))});
}

value replace(machine& m, const value& self, arguments& args) {
  const parameters given(m, "replace", args, {"", "", ""}, 2);
  const std::string_view from = given.text(0);
  const std::string to =
      self.text()->markup ? escape_html(given.text(1)) : std::string(given.text(1));
  const integer count = given.whole(2, -1);
  if (m.failed()) return {};
  return replace_text(m, self.text()->bytes, from, to, count, self.text()->markup);
}

value join(machine& m, const value& self, arguments& args) {
  const parameters given(m, "join", args, {""}, 1);
  if (m.failed()) return {};
  const auto items = collect(m, given[0]);
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* text = items[i].text();
    if (text == nullptr) {
      return m.fail("sequence item {}: expected str instance, {} found", i, items[i].type_name());
    }
    if (i > 0) out += self.text()->bytes;
    out += self.text()->markup && !text->markup ? escape_html(text->bytes) : text->bytes;
    if (!m.room(out.size()) || !m.step(1 + self.text()->bytes.size() / 64)) return {};
  }
  return m.failed() ? value() : m.text(std::move(out), self.text()->markup);
}

value format(machine& m, const value& self, arguments& args) {
  return format_fields(m, *self.text(), args);
}

value format_map(machine& m, const value& self, arguments& args) {
  const parameters given(m, "format_map", args, {""}, 1);
  const auto* mapping = given[0].dict();
  if (mapping == nullptr) return m.fail("format_map() needs a mapping");
  arguments named;
  for (const auto& [key, v] : mapping->entries()) {
    if (key.text() != nullptr) named.named.emplace_back(key.text()->bytes, v);
  }
  return format_fields(m, *self.text(), named);
}

template <bool Prefix>
value remove_affix(machine& m, const value& self, arguments& args) {
  const parameters given(m, "removeprefix", args, {""}, 1);
  const std::string_view affix = given.text(0);
  std::string_view text = self.text()->bytes;
  if (m.failed()) return {};
  if (Prefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!Prefix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return piece(m, self, text);
}

/// 0: left aligned, 1: centred, 2: right aligned.
template <int Where>
value justify(machine& m, const value& self, arguments& args) {
  const parameters given(m, "justify", args, {"", ""}, 1);
  const integer width = given.whole(0, 0);
  const std::string_view fill = given.text(1, " ");
  if (m.failed()) return {};
  if (count_points(fill) != 1)
    return m.fail("The fill character must be exactly one character long");
  return pad_text(m, *self.text(), width, fill, Where == 2 ? 1 : 0, Where == 1 ? 2 : 1);
}

value zero_fill(machine& m, const value& self, arguments& args) {
  const parameters given(m, "zfill", args, {""}, 1);
  const integer width = given.whole(0, 0);
  if (m.failed()) return {};
  const std::string& text = self.text()->bytes;
  const bool sign = !text.empty() && (text.front() == '-' || text.front() == '+');
  if (!sign) return pad_text(m, *self.text(), width, "0", 1, 1);
  const value rest = m.text(text.substr(1));
  if (m.failed()) return {};
  const value padded = pad_text(m, *rest.text(), width - 1, "0", 1, 1);
  return m.failed() ? value() : m.text(text.substr(0, 1) + padded.text()->bytes);
}

constexpr named<method_function> methods[] = {
    {"strip", strip_side<side::both>},
    {"lstrip", strip_side<side::left>},
    {"rstrip", strip_side<side::right>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", lines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"replace", replace},
    {"join", join},
    {"format", format},
    {"format_map", format_map},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
    {"ljust", justify<0>},
    {"center", justify<1>},
    {"rjust", justify<2>},
    {"zfill", zero_fill},
};

}  // namespace

std::span<const named<method_function>> text_methods() { return methods; }

}  // namespace troupe::jinja
