#include <algorithm>

#include "runtime/template/globals.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// How messages name what lacks an attribute.
std::string described(const value& v) {
  return v.is_none() ? "None" : "'" + std::string(v.type_name()) + " object'";
}

/// Methods that would change their object; the sandbox hides them.
bool changes(const value& subject, std::string_view name) {
  constexpr std::string_view of_lists[] = {"append", "clear", "pop",    "reverse",
                                           "insert", "sort",  "extend", "remove"};
  constexpr std::string_view of_dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (const auto* l = subject.list(); l != nullptr && l->kind() == sequence_kind::list) {
    return std::find(std::begin(of_lists), std::end(of_lists), name) != std::end(of_lists);
  }
  return subject.dict() != nullptr &&
         std::find(std::begin(of_dicts), std::end(of_dicts), name) != std::end(of_dicts);
}

/// Python's getattr: methods and properties, not items.
std::optional<value> own_attribute(machine& m, const value& subject, std::string_view name) {
  if (auto* o = subject.thing()) return o->attribute(m, name);
  if (changes(subject, name)) {
    return m.undefined(fmt::format("access to attribute '{}' of '{}' object is unsafe.", name,
                                   subject.type_name()));
  }
  if (const auto method = find_method(subject, name)) {
    return m.make<bound_method>(subject, name, method);
  }
  if (const auto* l = subject.list(); l != nullptr && l->kind() == sequence_kind::group) {
    if (name == "grouper") return l->items()[0];
    if (name == "list") return l->items()[1];
  }
  if (const auto n = subject.as_integer()) {
    if (name == "real" || name == "numerator") return value(*n);
    if (name == "imag") return value(0);
    if (name == "denominator") return value(1);
  }
  return {};
}

value missing_attribute(machine& m, const value& subject, std::string_view name) {
  return m.undefined(fmt::format("{} has no attribute '{}'", described(subject), name));
}

bool indexed(const list_object& l) {
  return l.is_tuple() || l.kind() == sequence_kind::list || l.kind() == sequence_kind::range;
}

/// The item at `index`, which counts from the end when negative.
std::optional<value> at_index(machine& m, const value& subject, integer index) {
  const auto* text = subject.text();
  const auto* list = subject.list();
  if (text == nullptr && (list == nullptr || !indexed(*list))) return {};
  const auto size = static_cast<integer>(text != nullptr ? text->points : list->items().size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return {};
  const auto i = static_cast<std::size_t>(index);
  if (list != nullptr) return list->items()[i];
  // Without characters beyond ASCII, code points are bytes.
  const bool plain = text->points == text->bytes.size();
  if (!plain && !m.step(1 + i / 16)) return {};
  const std::size_t start = plain ? i : offset_of(text->bytes, i);
  std::size_t end = start;
  static_cast<void>(decode(text->bytes, end));
  return m.text(text->bytes.substr(start, end - start), text->markup);
}

struct slice_range {
  integer start = 0;
  integer step = 1;
  std::size_t count = 0;
};

std::optional<integer> slice_bound(machine& m, const value& v, integer fallback) {
  if (v.is_none()) return fallback;
  if (const auto n = v.as_integer()) return n;
  m.fail("slice indices must be integers or None");
  return {};
}

/// Python's slice.indices().
std::optional<slice_range> resolve(machine& m, integer size, const value& start, const value& stop,
                                   const value& step) {
  const auto by = slice_bound(m, step, 1);
  if (!by) return {};
  if (*by == 0) {
    m.fail("slice step cannot be zero");
    return {};
  }
  const integer low = *by > 0 ? 0 : -1;
  const integer high = *by > 0 ? size : size - 1;
  const auto clamp = [&](integer n) { return std::clamp(n < 0 ? n + size : n, low, high); };
  const auto from = slice_bound(m, start, *by > 0 ? low : high);
  const auto to = slice_bound(m, stop, *by > 0 ? high : low);
  if (!from || !to) return {};
  const integer first = start.is_none() ? *from : clamp(*from);
  const integer last = stop.is_none() ? *to : clamp(*to);
  const integer distance = *by > 0 ? last - first : first - last;
  slice_range range{first, *by, 0};
  if (distance > 0) {
    // A step beyond the size takes one item; clamped so that its sign can be turned.
    const integer stride = *by > 0 ? std::min(*by, size + 1) : -std::max(*by, -(size + 1));
    range.count = static_cast<std::size_t>((distance + stride - 1) / stride);
  }
  return range;
}

value slice_text(machine& m, const text_object& text, const slice_range& range) {
  if (!m.step(1 + text.bytes.size() / 64)) return {};
  if (range.step == 1) {
    const std::size_t start = offset_of(text.bytes, static_cast<std::size_t>(range.start));
    const auto rest = std::string_view(text.bytes).substr(start);
    return m.text(std::string(rest.substr(0, offset_of(rest, range.count))), text.markup);
  }
  std::vector<std::string_view> points;
  if (!m.step(text.points) || !m.room(text.points * sizeof(std::string_view))) return {};
  points.reserve(text.points);
  for (std::size_t at = 0; at < text.bytes.size();) {
    const std::size_t start = at;
    static_cast<void>(decode(text.bytes, at));
    points.push_back(std::string_view(text.bytes).substr(start, at - start));
  }
  std::string out;
  integer at = range.start;
  for (std::size_t i = 0; i < range.count; ++i, at += range.step) {
    out += points[static_cast<std::size_t>(at)];
  }
  return m.text(std::move(out), text.markup);
}

}  // namespace

value get_attribute(machine& m, const value& subject, std::string_view name) {
  if (subject.is_undefined()) return fail_undefined(m, subject);
  if (auto own = own_attribute(m, subject, name)) return std::move(*own);
  if (const auto* d = subject.dict()) {
    if (const value* item = d->find(name)) return *item;
  }
  return missing_attribute(m, subject, name);
}

value get_own_attribute(machine& m, const value& subject, std::string_view name) {
  if (subject.is_undefined()) return fail_undefined(m, subject);
  if (auto own = own_attribute(m, subject, name)) return std::move(*own);
  return missing_attribute(m, subject, name);
}

value get_item(machine& m, const value& subject, const value& key) {
  if (subject.is_undefined()) return fail_undefined(m, subject);
  if (const auto* d = subject.dict()) {
    const bool container =
        key.dict() != nullptr || (key.list() != nullptr && !key.list()->is_tuple());
    if (!container) {
      if (const value* item = d->find(m, key)) return *item;
    }
  }
  if (const auto index = key.as_integer()) {
    if (auto item = at_index(m, subject, *index)) return std::move(*item);
  }
  if (const auto* name = key.text()) {
    if (auto own = own_attribute(m, subject, name->bytes)) return std::move(*own);
    return missing_attribute(m, subject, name->bytes);
  }
  return m.undefined(fmt::format("{} has no such element", described(subject)));
}

value get_slice(machine& m, const value& subject, const value& start, const value& stop,
                const value& step) {
  if (subject.is_undefined()) return fail_undefined(m, subject);
  const auto* text = subject.text();
  const auto* list = subject.list();
  if (text == nullptr && (list == nullptr || !indexed(*list))) {
    return m.fail("'{}' object cannot be sliced", subject.type_name());
  }
  const std::size_t size = text != nullptr ? text->points : list->items().size();
  const auto range = resolve(m, static_cast<integer>(size), start, stop, step);
  if (!range) return {};
  if (text != nullptr) return slice_text(m, *text, *range);
  std::vector<value> items;
  items.reserve(range->count);
  integer at = range->start;
  for (std::size_t i = 0; i < range->count; ++i, at += range->step) {
    items.push_back(list->items()[static_cast<std::size_t>(at)]);
  }
  return m.list(std::move(items),
                list->kind() == sequence_kind::group ? sequence_kind::tuple : list->kind());
}

value call(machine& m, const value& callee, arguments& args) {
  if (callee.is_undefined()) return fail_undefined(m, callee);
  if (auto o = callee.share_thing()) return o->call(m, args);
  return m.fail("'{}' object is not callable", callee.type_name());
}

}  // namespace troupe::jinja
