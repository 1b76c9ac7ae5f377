#include <cmath>

#include "runtime/template/operators.hpp"
#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

constexpr std::string_view symbol(arithmetic_operator op) {
  constexpr std::string_view names[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return names[static_cast<std::size_t>(op)];
}

value too_large(machine& m) { return m.fail("the result of an integer operation is too large"); }

value unsupported(machine& m, arithmetic_operator op, const value& a, const value& b) {
  return m.fail("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), a.type_name(),
                b.type_name());
}

value integer_power(machine& m, integer base, integer exponent) {
  integer result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return too_large(m);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return too_large(m);
  }
  return value(result);
}

value calculate_integers(machine& m, arithmetic_operator op, integer a, integer b) {
  integer result = 0;
  switch (op) {
    case arithmetic_operator::add:
      return __builtin_add_overflow(a, b, &result) ? too_large(m) : value(result);
    case arithmetic_operator::subtract:
      return __builtin_sub_overflow(a, b, &result) ? too_large(m) : value(result);
    case arithmetic_operator::multiply:
      return __builtin_mul_overflow(a, b, &result) ? too_large(m) : value(result);
    case arithmetic_operator::power:
      if (b >= 0) return integer_power(m, a, b);
      if (a == 0) return m.fail("0.0 cannot be raised to a negative power");
      return value(std::pow(static_cast<double>(a), static_cast<double>(b)));
    default:
      break;
  }
  if (b == 0) {
    return op == arithmetic_operator::divide ? m.fail("division by zero")
                                             : m.fail("integer division or modulo by zero");
  }
  if (op == arithmetic_operator::divide) {
    return value(static_cast<double>(a) / static_cast<double>(b));
  }
  // The one division that overflows is the least integer by -1.
  if (b == -1) {
    if (op == arithmetic_operator::modulo) return value(0);
    return __builtin_sub_overflow(integer(0), a, &result) ? too_large(m) : value(result);
  }
  const integer quotient = a / b;
  const integer rest = a % b;
  const bool floors = rest != 0 && (rest < 0) != (b < 0);
  if (op == arithmetic_operator::floor_divide) return value(floors ? quotient - 1 : quotient);
  return value(floors ? rest + b : rest);
}

value calculate_reals(machine& m, arithmetic_operator op, double a, double b) {
  switch (op) {
    case arithmetic_operator::add:
      return value(a + b);
    case arithmetic_operator::subtract:
      return value(a - b);
    case arithmetic_operator::multiply:
      return value(a * b);
    case arithmetic_operator::power: {
      if (a == 0.0 && b < 0) return m.fail("0.0 cannot be raised to a negative power");
      const double result = std::pow(a, b);
      if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) {
        return m.fail("complex numbers are not supported");
      }
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
        return m.fail("the result of a power is too large");
      }
      return value(result);
    }
    default:
      break;
  }
  if (b == 0.0) {
    return op == arithmetic_operator::divide ? m.fail("float division by zero")
                                             : m.fail("float floor division or modulo by zero");
  }
  if (op == arithmetic_operator::divide) return value(a / b);
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0.0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1.0;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (op == arithmetic_operator::modulo) return value(rest);
  if (quotient == 0.0) return value(std::copysign(0.0, a / b));
  const double floor = std::floor(quotient);
  return value(quotient - floor > 0.5 ? floor + 1.0 : floor);
}

/// A sequence times a count, checked before anything is built.
value repeat(machine& m, const value& sequence, integer count) {
  if (count < 0) count = 0;
  const auto* text = sequence.text();
  const std::size_t unit =
      text != nullptr ? text->bytes.size() : sequence.list()->items().size() * sizeof(value);
  if (unit == 0) count = 0;
  if (count > 0 &&
      (count > (integer(1) << 40) || !m.room(unit * static_cast<std::size_t>(count)))) {
    static_cast<void>(m.room(std::size_t(1) << 62U));
    return {};
  }
  const auto times = static_cast<std::size_t>(count);
  if (!m.step(1 + unit * times / 64)) return {};
  if (text != nullptr) {
    std::string bytes;
    bytes.reserve(unit * times);
    for (std::size_t i = 0; i < times; ++i) bytes += text->bytes;
    return m.text(std::move(bytes), text->markup);
  }
  const auto& items = sequence.list()->items();
  std::vector<value> all;
  all.reserve(items.size() * times);
  for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), items.begin(), items.end());
  return m.list(std::move(all),
                sequence.list()->is_tuple() ? sequence_kind::tuple : sequence_kind::list);
}

value join_texts(machine& m, const text_object& a, const text_object& b) {
  const bool markup = a.markup || b.markup;
  if (!m.room(a.bytes.size() + b.bytes.size())) return {};
  if (!markup || a.markup == b.markup) return m.text(a.bytes + b.bytes, markup);
  return m.text(
      (a.markup ? a.bytes : escape_html(a.bytes)) + (b.markup ? b.bytes : escape_html(b.bytes)),
      true);
}

bool repeatable(const value& v) {
  if (v.text() != nullptr) return true;
  const auto* l = v.list();
  return l != nullptr && (l->kind() == sequence_kind::list || l->is_tuple());
}

value calculate_sequences(machine& m, arithmetic_operator op, const value& a, const value& b) {
  if (op == arithmetic_operator::add) {
    if (a.text() != nullptr && b.text() != nullptr) return join_texts(m, *a.text(), *b.text());
    const auto* x = a.list();
    const auto* y = b.list();
    const bool lists = x != nullptr && y != nullptr && repeatable(a) && repeatable(b);
    if (lists && x->is_tuple() == y->is_tuple()) {
      if (!m.room((x->items().size() + y->items().size()) * sizeof(value))) return {};
      std::vector<value> items = x->items();
      items.insert(items.end(), y->items().begin(), y->items().end());
      return m.list(std::move(items), x->is_tuple() ? sequence_kind::tuple : sequence_kind::list);
    }
  }
  if (op == arithmetic_operator::multiply) {
    if (repeatable(a) && b.as_integer()) return repeat(m, a, *b.as_integer());
    if (repeatable(b) && a.as_integer()) return repeat(m, b, *a.as_integer());
  }
  return unsupported(m, op, a, b);
}

}  // namespace

value calculate(machine& m, arithmetic_operator op, const value& a, const value& b) {
  if (!m.step()) return {};
  if (op == arithmetic_operator::modulo && a.text() != nullptr) {
    return format_percent(m, *a.text(), b);
  }
  if (a.is_undefined()) return fail_undefined(m, a);
  if (b.is_undefined()) return fail_undefined(m, b);
  const auto left = a.as_integer();
  const auto right = b.as_integer();
  if (left && right) return calculate_integers(m, op, *left, *right);
  const auto x = a.as_double();
  const auto y = b.as_double();
  if (x && y) return calculate_reals(m, op, *x, *y);
  return calculate_sequences(m, op, a, b);
}

value negate(machine& m, const value& v) {
  if (const auto i = v.as_integer())
    return calculate_integers(m, arithmetic_operator::subtract, 0, *i);
  if (const double* d = v.real()) return value(-*d);
  if (v.is_undefined()) return fail_undefined(m, v);
  return m.fail("bad operand type for unary -: '{}'", v.type_name());
}

value plus(machine& m, const value& v) {
  if (const auto i = v.as_integer()) return value(*i);
  if (v.real() != nullptr) return v;
  if (v.is_undefined()) return fail_undefined(m, v);
  return m.fail("bad operand type for unary +: '{}'", v.type_name());
}

}  // namespace troupe::jinja
