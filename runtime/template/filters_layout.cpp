#include <algorithm>

#include "runtime/template/filters.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"
#include "runtime/template/wrap.hpp"

namespace troupe::jinja {
namespace {

/// `count` spaces, or undefined when they do not fit.
std::optional<std::string> spaces(machine& m, integer count) {
  if (count < 0) count = 0;
  if (count > (integer(1) << 40) || !m.room(static_cast<std::size_t>(count))) {
    static_cast<void>(m.room(std::size_t(1) << 62U));
    return {};
  }
  return std::string(static_cast<std::size_t>(count), ' ');
}

value indent(machine& m, const value& v, arguments& args) {
  const parameters given(m, "indent", args, {"width", "first", "blank"});
  if (v.is_undefined()) return fail_undefined(m, v);
  const auto* text = v.text();
  if (text == nullptr) return m.fail("indent needs a string, not '{}'", v.type_name());
  std::string space;
  if (given.given(0) && given[0].text() != nullptr) {
    space = given.text(0);
  } else if (auto made = spaces(m, given.whole(0, 4))) {
    space = std::move(*made);
  }
  if (!m.room(text->bytes.size() * 16)) return {};
  const std::string whole = text->bytes + "\n";
  const auto lines = split_lines(whole, false);
  if (!m.step(lines.size()) || !m.room(whole.size() + lines.size() * (space.size() + 1))) return {};
  const bool blank = given.flag(2, false);
  std::string out = given.flag(1, false) ? space : std::string();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (blank || !lines[i].empty())) out += space;
    out += lines[i];
  }
  return m.text(std::move(out), text->markup);
}

value center(machine& m, const value& v, arguments& args) {
  const parameters given(m, "center", args, {"width"});
  const value text = as_text(m, v);
  const integer width = given.whole(0, 80);
  return m.failed() ? value() : pad_text(m, *text.text(), width, " ", 1, 2);
}

value truncate(machine& m, const value& v, arguments& args) {
  const parameters given(m, "truncate", args, {"length", "killwords", "end", "leeway"});
  const integer length = given.whole(0, 255);
  const std::string_view end = given.text(2, "...");
  const integer leeway = given.present(3) ? given.whole(3, 5) : 5;
  const auto end_points = static_cast<integer>(count_points(end));
  if (m.failed()) return {};
  if (length < end_points) return m.fail("truncate: the length is less than that of its end");
  if (leeway < 0) return m.fail("truncate: the leeway is negative");
  if (v.is_undefined()) return v;
  const auto* text = v.text();
  if (text == nullptr) return m.fail("truncate needs a string, not '{}'", v.type_name());
  if (static_cast<integer>(text->points) <= length + leeway) return v;
  const auto kept = static_cast<std::size_t>(length - end_points);
  std::string_view head = std::string_view(text->bytes).substr(0, offset_of(text->bytes, kept));
  if (!given.flag(1, false)) head = head.substr(0, std::min(head.rfind(' '), head.size()));
  return m.text(std::string(head) + std::string(end), text->markup);
}

value word_wrap(machine& m, const value& v, arguments& args) {
  const parameters given(m, "wordwrap", args,
                         {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  const auto* text = v.text();
  if (text == nullptr) return m.fail("wordwrap needs a string, not '{}'", v.type_name());
  wrap_style style;
  const double* real = given[0].real();
  const integer width =
      real != nullptr ? static_cast<integer>(std::clamp(*real, 0.0, 1e9)) : given.whole(0, 79);
  style.break_long_words = given.flag(1, true);
  style.break_on_hyphens = given.flag(3, true);
  const std::string_view between = given.present(2) ? given.text(2) : "\n";
  if (width <= 0 && text->points > 0) return m.fail("wordwrap: invalid width (must be > 0)");
  style.width = static_cast<std::size_t>(std::min(width, integer(1) << 40));
  if (!m.room(text->bytes.size() * 32)) return {};
  std::string out;
  bool first = true;
  for (const auto paragraph : split_lines(text->bytes, false)) {
    const auto lines = wrap(paragraph, style);
    if (!m.step(1 + paragraph.size()) || !m.room(out.size() + lines.size() * between.size())) {
      return {};
    }
    if (!first) out += between;
    first = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i > 0) out += between;
      out += lines[i];
    }
  }
  return m.text(std::move(out));
}

/// The value with mappings sorted by key, as pprint shows them.
value sorted_inside(machine& m, const value& v) {
  value out = v;
  if (m.enter()) {
    if (const auto* d = v.dict()) {
      auto entries = d->entries();
      std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
        return !m.failed() && less(m, a.first, b.first);
      });
      for (auto& entry : entries) entry.second = sorted_inside(m, entry.second);
      out = m.dict(std::move(entries));
    } else if (const auto* l = v.list()) {
      std::vector<value> items = l->items();
      for (auto& item : items) item = sorted_inside(m, item);
      out = m.list(std::move(items), l->kind());
    }
  }
  m.leave();
  return out;
}

value pretty_print(machine& m, const value& v, arguments& args) {
  const parameters none(m, "pprint", args, {});
  return m.text(represent(m, sorted_inside(m, v)));
}

value to_json_text(machine& m, const value& v, arguments& args) {
  const parameters given(m, "tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  json_style style;
  style.ascii = given.flag(0, false);
  style.sort_keys = given.flag(3, false);
  if (given.present(1)) {
    if (given[1].text() != nullptr) {
      style.indent = given.text(1);
    } else {
      style.indent = spaces(m, given.whole(1, 0));
    }
    style.item_separator = ",";
  }
  if (given.present(2)) {
    const auto* pair = given[2].list();
    if (pair == nullptr || pair->items().size() != 2 || pair->items()[0].text() == nullptr ||
        pair->items()[1].text() == nullptr) {
      return m.fail("tojson: separators must be two strings");
    }
    style.item_separator = pair->items()[0].text()->bytes;
    style.key_separator = pair->items()[1].text()->bytes;
  }
  if (m.failed()) return {};
  return m.text(to_json(m, v, style));
}

constexpr named<filter_function> filters[] = {
    {"indent", indent},      {"center", center},       {"truncate", truncate},
    {"wordwrap", word_wrap}, {"pprint", pretty_print}, {"tojson", to_json_text},
};

}  // namespace

value pad_text(machine& m, const text_object& text, integer width, std::string_view fill,
               integer left_share, integer shares) {
  const auto points = static_cast<integer>(text.points);
  if (width <= points) return m.text(text.bytes, text.markup);
  if (count_points(fill) != 1)
    return m.fail("the fill character must be exactly one character long");
  const integer missing = width - points;
  if (missing > (integer(1) << 40) ||
      !m.room(text.bytes.size() + static_cast<std::size_t>(missing) * fill.size())) {
    static_cast<void>(m.room(std::size_t(1) << 62U));
    return {};
  }
  // Python's center puts the odd one left when the width is odd.
  integer left = missing * left_share / shares;
  if (shares == 2) left = missing / 2 + (missing & width & 1);
  std::string out;
  for (integer i = 0; i < left; ++i) out += fill;
  out += text.bytes;
  for (integer i = left; i < missing; ++i) out += fill;
  return m.text(std::move(out), text.markup);
}

std::span<const named<filter_function>> layout_filters() { return filters; }

}  // namespace troupe::jinja
