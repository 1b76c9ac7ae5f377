#pragma once

#include <span>
#include <string_view>

#include "runtime/template/machine.hpp"

/// The filters, tests, functions and methods a template can name.
namespace troupe::jinja {

using filter_function = value (*)(machine&, const value& subject, arguments&);
using test_function = bool (*)(machine&, const value& subject, arguments&);
using global_function = value (*)(machine&, arguments&);
using method_function = value (*)(machine&, const value& self, arguments&);

template <class Function>
struct named {
  std::string_view name;
  Function function;
};

/// Null when there is none of that name.
[[nodiscard]] filter_function find_filter(std::string_view name);
[[nodiscard]] test_function find_test(std::string_view name);
/// The method `name` of strings, lists or mappings; null when there is none.
[[nodiscard]] method_function find_method(const value& self, std::string_view name);
/// A global function such as range; undefined when there is none.
[[nodiscard]] std::optional<value> find_global(machine& m, std::string_view name);

/// The groups of filters, each in its own file.
[[nodiscard]] std::span<const named<filter_function>> text_filters();
[[nodiscard]] std::span<const named<filter_function>> layout_filters();
[[nodiscard]] std::span<const named<filter_function>> number_filters();
[[nodiscard]] std::span<const named<filter_function>> sequence_filters();
[[nodiscard]] std::span<const named<filter_function>> order_filters();
[[nodiscard]] std::span<const named<filter_function>> selection_filters();

/// The groups of methods.
[[nodiscard]] std::span<const named<method_function>> text_methods();
[[nodiscard]] std::span<const named<method_function>> search_methods();
[[nodiscard]] std::span<const named<method_function>> character_methods();
[[nodiscard]] std::span<const named<method_function>> list_methods();
[[nodiscard]] std::span<const named<method_function>> dict_methods();

/// `object.name` and `object["name"]` as the sandboxed environment resolves them.
[[nodiscard]] value get_attribute(machine& m, const value& subject, std::string_view name);
/// The filter `attr`: methods and properties, never items.
[[nodiscard]] value get_own_attribute(machine& m, const value& subject, std::string_view name);
[[nodiscard]] value get_item(machine& m, const value& subject, const value& key);
[[nodiscard]] value get_slice(machine& m, const value& subject, const value& start,
                              const value& stop, const value& step);
[[nodiscard]] value call(machine& m, const value& callee, arguments& args);

}  // namespace troupe::jinja
