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

value fallback_for(machine& m, const value& v, arguments& args) {
  const parameters given(m, "default", args, {"default_value", "boolean"});
  if (m.failed()) return {};
  if (v.is_undefined() || (given.flag(1, false) && !truthy(m, v))) {
    return given.given(0) ? given[0] : m.text({});
  }
  return v;
}

value length(machine& m, const value& v, arguments& args) {
  const parameters none(m, "length", args, {});
  if (const auto n = length_of(m, v)) return value(*n);
  return m.fail("object of type '{}' has no len()", v.type_name());
}

value first(machine& m, const value& v, arguments& args) {
  const parameters none(m, "first", args, {});
  auto items = cursor::open(m, v);
  if (!items) return {};
  if (auto item = items->next(m)) return std::move(*item);
  return m.failed() ? value() : m.undefined("no first item, sequence was empty");
}

/// The items from the end, or nothing for what only goes forward.
std::optional<std::vector<value>> backwards(machine& m, const value& v) {
  if (v.thing() != nullptr || !cursor::possible(v)) return {};
  auto items = collect(m, v);
  std::reverse(items.begin(), items.end());
  return items;
}

value last(machine& m, const value& v, arguments& args) {
  const parameters none(m, "last", args, {});
  if (const auto* l = v.list(); l != nullptr && !l->items().empty()) return l->items().back();
  const auto items = backwards(m, v);
  if (!items) return m.fail("'{}' object is not reversible", v.type_name());
  if (!items->empty()) return items->front();
  return m.failed() ? value() : m.undefined("no last item, sequence was empty");
}

value reverse(machine& m, const value& v, arguments& args) {
  const parameters none(m, "reverse", args, {});
  if (v.text() != nullptr) return get_slice(m, v, value::none(), value::none(), value(-1));
  if (auto items = backwards(m, v)) return iterate_over(m, std::move(*items));
  auto items = collect(m, v);
  std::reverse(items.begin(), items.end());
  return m.list(std::move(items));
}

value to_list(machine& m, const value& v, arguments& args) {
  const parameters none(m, "list", args, {});
  return m.list(collect(m, v));
}

value items_of(machine& m, const value& v, arguments& args) {
  const parameters none(m, "items", args, {});
  if (v.is_undefined()) return iterate_over(m, {});
  const auto* d = v.dict();
  if (d == nullptr) return m.fail("can only get item pairs from a mapping");
  std::vector<value> pairs;
  for (const auto& [key, item] : d->entries()) pairs.push_back(m.tuple({key, item}));
  return iterate_over(m, std::move(pairs));
}

value attribute(machine& m, const value& v, arguments& args) {
  const parameters given(m, "attr", args, {"name"}, 1);
  const std::string_view name = given.text(0);
  return m.failed() ? value() : get_own_attribute(m, v, name);
}

value join(machine& m, const value& v, arguments& args) {
  const parameters given(m, "join", args, {"d", "attribute"});
  const std::string between = given.given(0) ? to_text(m, given[0]) : std::string();
  const attribute_path path(m, given.present(1) ? given[1] : value::none());
  std::string out;
  bool some = false;
  auto items = cursor::open(m, v);
  while (items) {
    auto item = items->next(m);
    if (!item) break;
    if (some) out += between;
    some = true;
    out += to_text(m, path.find(m, std::move(*item)));
    if (!m.room(out.size()) || !m.step(1 + between.size() / 64)) return {};
  }
  return m.failed() ? value() : m.text(std::move(out));
}

value batch(machine& m, const value& v, arguments& args) {
  const parameters given(m, "batch", args, {"linecount", "fill_with"}, 1);
  if (m.failed()) return {};
  // Rows are cut where their length equals the count, which need not be an integer.
  const auto size = given[0].as_double();
  std::vector<value> rows;
  std::vector<value> row;
  for (auto& item : collect(m, v)) {
    if (size && static_cast<double>(row.size()) == *size) {
      rows.push_back(m.list(std::exchange(row, {})));
    }
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (given.present(1)) {
      const integer wanted = given.whole(0, 0);
      if (wanted > 1'000'000) return m.fail_with(errc::out_of_range, "batch: a row is too long");
      while (static_cast<integer>(row.size()) < wanted) row.push_back(given[1]);
    }
    rows.push_back(m.list(std::move(row)));
  }
  return m.failed() ? value() : iterate_over(m, std::move(rows));
}

value slice(machine& m, const value& v, arguments& args) {
  const parameters given(m, "slice", args, {"slices", "fill_with"}, 1);
  const integer slices = given.whole(0, 1);
  const auto items = collect(m, v);
  if (m.failed()) return {};
  if (slices == 0) return m.fail("integer division or modulo by zero");
  if (slices > 1'000'000) return m.fail_with(errc::out_of_range, "slice: too many slices");
  std::vector<value> rows;
  const auto count = static_cast<integer>(items.size());
  auto from = items.begin();
  for (integer i = 0; i < slices && m.step(); ++i) {
    const bool extra = i < count % slices;
    const auto size = static_cast<std::ptrdiff_t>(count / slices + (extra ? 1 : 0));
    std::vector<value> row(from, from + size);
    from += size;
    if (given.present(1) && !extra) row.push_back(given[1]);
    rows.push_back(m.list(std::move(row)));
  }
  return iterate_over(m, std::move(rows));
}

constexpr named<filter_function> filters[] = {
    {"default", fallback_for}, {"d", fallback_for}, {"length", length},   {"count", length},
    {"first", first},          {"last", last},      {"reverse", reverse}, {"list", to_list},
    {"items", items_of},       {"attr", attribute}, {"join", join},       {"batch", batch},
    {"slice", slice},
};

}  // namespace

value iterate_over(machine& m, std::vector<value> items) {
  const value all = m.list(std::move(items));
  if (all.list() == nullptr) return {};
  return m.make<generator>(
      [all, at = std::size_t(0)](machine& /*m*/) mutable -> std::optional<value> {
        const auto& known = all.list()->items();
        return at < known.size() ? std::optional(known[at++]) : std::nullopt;
      },
      all.depth());
}

std::span<const named<filter_function>> sequence_filters() { return filters; }

}  // namespace troupe::jinja
