#pragma once

#include <cstdint>

#include "runtime/template/machine.hpp"

/// Python's operators over template values. What Python refuses is a failure of the machine.
namespace troupe::jinja {

enum class arithmetic_operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power
};
enum class comparison_operator : std::uint8_t {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};

[[nodiscard]] bool truthy(machine& m, const value& v);
[[nodiscard]] bool equal(machine& m, const value& a, const value& b);
/// False, with a failure recorded, when the two have no order.
[[nodiscard]] bool less(machine& m, const value& a, const value& b);
[[nodiscard]] bool contains(machine& m, const value& container, const value& item);
[[nodiscard]] bool compare(machine& m, comparison_operator op, const value& a, const value& b);
[[nodiscard]] value calculate(machine& m, arithmetic_operator op, const value& a, const value& b);
[[nodiscard]] value negate(machine& m, const value& v);
[[nodiscard]] value plus(machine& m, const value& v);
/// Whether `v` may be a key; fails when not, as Python's hash() does.
[[nodiscard]] bool hashable(machine& m, const value& v);
/// Records what using an undefined value says; gives undefined.
value fail_undefined(machine& m, const value& v);

/// "%" with a format string on the left.
[[nodiscard]] value format_percent(machine& m, const text_object& format, const value& operand);

}  // namespace troupe::jinja
