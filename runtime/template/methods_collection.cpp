#include <algorithm>

#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"

namespace troupe::jinja {
namespace {

value count(machine& m, const value& self, arguments& args) {
  const parameters given(m, "count", args, {""}, 1);
  if (m.failed()) return {};
  integer found = 0;
  for (const auto& item : self.list()->items()) {
    if (item.same_as(given[0]) || equal(m, item, given[0])) ++found;
  }
  return value(found);
}

value index(machine& m, const value& self, arguments& args) {
  const parameters given(m, "index", args, {"", "", ""}, 1);
  if (m.failed()) return {};
  const auto& items = self.list()->items();
  const auto size = static_cast<integer>(items.size());
  const auto bound = [&](integer n) { return std::clamp(n < 0 ? n + size : n, integer(0), size); };
  const integer end = bound(given.whole(2, size));
  for (integer i = bound(given.whole(1, 0)); i < end; ++i) {
    const auto& item = items[static_cast<std::size_t>(i)];
    if (item.same_as(given[0]) || equal(m, item, given[0])) return value(i);
  }
  return m.fail("the value is not in the {}", self.type_name());
}

value copy_list(machine& m, const value& self, arguments& args) {
  const parameters none(m, "copy", args, {});
  return m.list(self.list()->items());
}

enum class part { keys, values, items };

template <part Part>
value view(machine& m, const value& self, arguments& args) {
  const parameters none(m, "view", args, {});
  std::vector<value> all;
  const auto& entries = self.dict()->entries();
  if (!m.step(1 + entries.size()) || !m.room(entries.size() * sizeof(value))) return {};
  all.reserve(entries.size());
  for (const auto& [key, item] : entries) {
    all.push_back(Part == part::keys ? key : Part == part::values ? item : m.tuple({key, item}));
  }
  return m.list(std::move(all), Part == part::keys     ? sequence_kind::keys
                                : Part == part::values ? sequence_kind::values
                                                       : sequence_kind::items);
}

value get(machine& m, const value& self, arguments& args) {
  const parameters given(m, "get", args, {"", ""}, 1);
  if (m.failed() || !hashable(m, given[0])) return {};
  if (const value* found = self.dict()->find(m, given[0])) return *found;
  return given.given(1) ? given[1] : value::none();
}

value copy_dict(machine& m, const value& self, arguments& args) {
  const parameters none(m, "copy", args, {});
  return m.dict(self.dict()->entries());
}

constexpr named<method_function> of_lists[] = {
    {"count", count}, {"index", index}, {"copy", copy_list}};
constexpr named<method_function> of_dicts[] = {{"keys", view<part::keys>},
                                               {"values", view<part::values>},
                                               {"items", view<part::items>},
                                               {"get", get},
                                               {"copy", copy_dict}};

}  // namespace

std::span<const named<method_function>> list_methods() { return of_lists; }
std::span<const named<method_function>> dict_methods() { return of_dicts; }

}  // namespace troupe::jinja
