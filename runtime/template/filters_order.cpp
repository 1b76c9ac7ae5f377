#include <algorithm>
#include <unordered_set>

#include "runtime/template/filters.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

struct keyed {
  value key;
  value item;
};

/// Python's sorted(): stable, also when reversed.
void sort_keyed(machine& m, std::vector<keyed>& items, bool reversed) {
  std::stable_sort(items.begin(), items.end(), [&](const keyed& a, const keyed& b) {
    if (m.failed()) return false;
    return reversed ? less(m, b.key, a.key) : less(m, a.key, b.key);
  });
}

value items_only(machine& m, std::vector<keyed> sorted) {
  std::vector<value> items;
  items.reserve(sorted.size());
  for (auto& entry : sorted) items.push_back(std::move(entry.item));
  return m.failed() ? value() : m.list(std::move(items));
}

/// Each item with what it is compared by.
std::vector<keyed> with_keys(machine& m, const value& source, const attribute_path& path,
                             bool case_sensitive, const value* fallback = nullptr) {
  std::vector<keyed> all;
  for (auto& item : collect(m, source)) {
    value key = path.find(m, item, fallback);
    if (!case_sensitive) key = without_case(m, key);
    all.push_back({std::move(key), std::move(item)});
  }
  return all;
}

value sort(machine& m, const value& v, arguments& args) {
  const parameters given(m, "sort", args, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = given.flag(1, false);
  std::vector<attribute_path> paths;
  if (given.present(2) && given[2].text() != nullptr) {
    std::string_view rest = given[2].text()->bytes;
    while (true) {
      const std::size_t comma = rest.find(',');
      paths.emplace_back(m, m.text(std::string(rest.substr(0, comma))));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  } else {
    paths.emplace_back(m, given.present(2) ? given[2] : value::none());
  }
  std::vector<keyed> all;
  for (auto& item : collect(m, v)) {
    std::vector<value> keys;
    for (const auto& path : paths) {
      value key = path.find(m, item);
      keys.push_back(case_sensitive ? std::move(key) : without_case(m, key));
    }
    all.push_back({m.list(std::move(keys)), std::move(item)});
  }
  sort_keyed(m, all, given.whole(0, 0) != 0);
  return items_only(m, std::move(all));
}

value dict_sort(machine& m, const value& v, arguments& args) {
  const parameters given(m, "dictsort", args, {"case_sensitive", "by", "reverse"});
  const std::string_view by = given.text(1, "key");
  if (m.failed()) return {};
  if (by != "key" && by != "value") return m.fail("you can only sort by either 'key' or 'value'");
  if (v.is_undefined()) return fail_undefined(m, v);
  const auto* d = v.dict();
  if (d == nullptr) return m.fail("'{}' object has no attribute 'items'", v.type_name());
  std::vector<keyed> all;
  for (const auto& [key, item] : d->entries()) {
    const value& what = by == "key" ? key : item;
    all.push_back({given.flag(0, false) ? what : without_case(m, what), m.tuple({key, item})});
  }
  sort_keyed(m, all, given.whole(2, 0) != 0);
  return items_only(m, std::move(all));
}

value extreme(machine& m, const value& v, arguments& args, bool largest) {
  const parameters given(m, largest ? "max" : "min", args, {"case_sensitive", "attribute"});
  const attribute_path path(m, given.present(1) ? given[1] : value::none());
  const auto all = with_keys(m, v, path, given.flag(0, false));
  if (m.failed()) return {};
  if (all.empty()) return m.undefined("no aggregated item, sequence was empty");
  const keyed* best = &all.front();
  for (const auto& candidate : all) {
    if (&candidate == best) continue;
    const bool better =
        largest ? less(m, best->key, candidate.key) : less(m, candidate.key, best->key);
    if (m.failed()) return {};
    if (better) best = &candidate;
  }
  return best->item;
}

value min(machine& m, const value& v, arguments& args) { return extreme(m, v, args, false); }
value max(machine& m, const value& v, arguments& args) { return extreme(m, v, args, true); }

value unique(machine& m, const value& v, arguments& args) {
  const parameters given(m, "unique", args, {"case_sensitive", "attribute"});
  const attribute_path path(m, given.present(1) ? given[1] : value::none());
  std::unordered_set<std::string> texts;
  std::vector<value> others;
  std::vector<value> kept;
  for (auto& entry : with_keys(m, v, path, given.flag(0, false))) {
    const value& key = entry.key;
    if (!hashable(m, key)) return {};
    if (const auto* t = key.text()) {
      if (texts.insert(t->bytes).second) kept.push_back(std::move(entry.item));
      continue;
    }
    const bool seen = std::any_of(others.begin(), others.end(),
                                  [&](const value& other) { return equal(m, other, key); });
    if (m.failed()) return {};
    if (seen) continue;
    others.push_back(key);
    kept.push_back(std::move(entry.item));
  }
  return m.failed() ? value() : iterate_over(m, std::move(kept));
}

value group_by(machine& m, const value& v, arguments& args) {
  const parameters given(m, "groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  if (m.failed()) return {};
  const attribute_path path(m, given[0]);
  const value* fallback = given.present(1) ? &given[1] : nullptr;
  auto all = with_keys(m, v, path, given.flag(2, false), fallback);
  sort_keyed(m, all, false);
  std::vector<value> groups;
  for (std::size_t i = 0; i < all.size() && !m.failed();) {
    std::vector<value> members;
    const std::size_t start = i;
    for (; i < all.size() && !m.failed() && equal(m, all[i].key, all[start].key); ++i) {
      members.push_back(all[i].item);
    }
    // A key unequal to itself is a group of its own.
    if (i == start) members.push_back(all[i++].item);
    value key = path.find(m, all[start].item, fallback);
    groups.push_back(m.list({std::move(key), m.list(std::move(members))}, sequence_kind::group));
  }
  return m.failed() ? value() : m.list(std::move(groups));
}

constexpr named<filter_function> filters[] = {
    {"sort", sort}, {"dictsort", dict_sort}, {"min", min},
    {"max", max},   {"unique", unique},      {"groupby", group_by},
};

}  // namespace

attribute_path::attribute_path(machine& m, const value& path) {
  if (path.is_none()) return;
  const auto* text = path.text();
  if (text == nullptr) {
    parts_.push_back(path);
    return;
  }
  std::string_view rest = text->bytes;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    integer index = 0;
    for (const char c : number&& part.size() < 18 ? part : std::string_view()) {
      index = index * 10 + (c - '0');
    }
    parts_.push_back(number ? value(index) : m.text(std::string(part)));
    if (dot == std::string_view::npos || m.failed()) return;
    rest.remove_prefix(dot + 1);
  }
}

value attribute_path::find(machine& m, value item, const value* fallback) const {
  for (const auto& part : parts_) {
    item = get_item(m, item, part);
    if (fallback != nullptr && item.is_undefined()) item = *fallback;
    if (m.failed()) return {};
  }
  return item;
}

std::size_t attribute_path::depth() const {
  std::size_t deepest = 0;
  for (const auto& part : parts_) deepest = std::max(deepest, part.depth());
  return deepest;
}

value without_case(machine& m, const value& v) {
  const auto* t = v.text();
  return t == nullptr ? v : m.text(to_lower(t->bytes), t->markup);
}

std::span<const named<filter_function>> order_filters() { return filters; }

}  // namespace troupe::jinja
