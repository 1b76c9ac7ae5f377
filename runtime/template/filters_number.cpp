#include <cmath>

#include "runtime/template/filters.hpp"
#include "runtime/template/iterate.hpp"
#include "runtime/template/operators.hpp"
#include "runtime/template/parameters.hpp"
#include "runtime/template/registry.hpp"
#include "runtime/template/show.hpp"

namespace troupe::jinja {
namespace {

value absolute(machine& m, const value& v, arguments& args) {
  const parameters none(m, "abs", args, {});
  if (const auto i = v.as_integer()) return *i < 0 ? negate(m, v) : value(*i);
  if (const double* d = v.real()) return value(std::fabs(*d));
  return m.fail("bad operand type for abs(): '{}'", v.type_name());
}

/// int() of a float: towards zero; what has no integer fails.
value truncated(machine& m, double d) {
  if (std::isinf(d)) return m.fail("cannot convert float infinity to integer");
  if (std::fabs(d) >= 0x1p126) return m.fail("the result of int is too large");
  return value(static_cast<integer>(d));
}

value to_integer(machine& m, const value& v, arguments& args) {
  const parameters given(m, "int", args, {"default", "base"});
  if (v.is_undefined()) return fail_undefined(m, v);
  const integer base = given.whole(1, 10);
  if (m.failed()) return {};
  value fallback = given.given(0) ? given[0] : value(0);
  if (const auto i = v.as_integer()) return value(*i);
  std::optional<double> real;
  if (const double* d = v.real()) real = *d;
  if (const auto* t = v.text()) {
    const bool base_known = base == 0 || (base >= 2 && base <= 36);
    if (const auto i =
            base_known ? parse_integer(t->bytes, static_cast<int>(base)) : std::nullopt) {
      return value(*i);
    }
    real = parse_real(t->bytes);
  }
  if (!real || std::isnan(*real)) return fallback;
  return truncated(m, *real);
}

value to_real(machine& m, const value& v, arguments& args) {
  const parameters given(m, "float", args, {"default"});
  if (v.is_undefined()) return fail_undefined(m, v);
  if (const auto d = v.as_double()) return value(*d);
  if (const auto* t = v.text()) {
    if (const auto d = parse_real(t->bytes)) return value(*d);
  }
  return given.given(0) ? given[0] : value(0.0);
}

/// Python's round(): to even on ties, of the exact value of the float.
value rounded(machine& m, const value& v, integer precision) {
  if (const auto i = v.as_integer()) {
    if (precision >= 0) return value(*i);
    if (precision < -37) return value(0);
    integer unit = 1;
    for (integer k = precision; k < 0; ++k) unit *= 10;
    integer rest = *i % unit;
    if (rest < 0) rest += unit;
    const integer low = *i - rest;
    const bool up = rest * 2 > unit || (rest * 2 == unit && (low / unit) % 2 != 0);
    return value(up ? low + unit : low);
  }
  const double d = *v.real();
  if (!std::isfinite(d) || precision > 308) return v;
  if (precision < -308) return value(std::copysign(0.0, d));
  if (precision >= 0) {
    const auto text = fmt::format("{:.{}f}", d, static_cast<int>(precision));
    return value(parse_real(text).value_or(d));
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  const double result = std::nearbyint(d / unit) * unit;
  return std::isfinite(result) ? value(result) : m.fail("rounded value too large to represent");
}

value round_number(machine& m, const value& v, arguments& args) {
  const parameters given(m, "round", args, {"precision", "method"});
  const integer precision = given.whole(0, 0);
  const std::string_view method = given.text(1, "common");
  if (v.is_undefined()) return fail_undefined(m, v);
  if (method != "common" && method != "ceil" && method != "floor") {
    return m.fail("method must be common, ceil or floor");
  }
  if (!v.is_number()) return m.fail("type {} doesn't define __round__ method", v.type_name());
  if (m.failed()) return {};
  if (method == "common") return rounded(m, v, precision);
  const value unit = calculate(m, arithmetic_operator::power, value(10), value(precision));
  const value scaled = calculate(m, arithmetic_operator::multiply, v, unit);
  if (m.failed()) return {};
  const double d = *scaled.as_double();
  if (!std::isfinite(d)) return m.fail("cannot convert float to integer");
  const value whole(method == "ceil" ? std::ceil(d) : std::floor(d));
  return calculate(m, arithmetic_operator::divide, whole, unit);
}

value sum(machine& m, const value& v, arguments& args) {
  const parameters given(m, "sum", args, {"attribute", "start"});
  value total = given.given(1) ? given[1] : value(0);
  if (total.text() != nullptr) return m.fail("sum() can't sum strings");
  const attribute_path path(m, given.present(0) ? given[0] : value::none());
  auto items = cursor::open(m, v);
  while (items) {
    auto item = items->next(m);
    if (!item) break;
    total = calculate(m, arithmetic_operator::add, total, path.find(m, std::move(*item)));
  }
  return total;
}

value file_size(machine& m, const value& v, arguments& args) {
  const parameters given(m, "filesizeformat", args, {"binary"});
  const bool binary = given.flag(0, false);
  auto bytes = v.as_double();
  if (!bytes && v.text() != nullptr) bytes = parse_real(v.text()->bytes);
  if (!bytes) return m.fail("filesizeformat needs a number, not '{}'", v.type_name());
  const double base = binary ? 1024 : 1000;
  if (*bytes == 1) return m.text("1 Byte");
  if (*bytes < base) return m.text(fmt::format("{} Bytes", std::trunc(*bytes)));
  constexpr std::string_view letters = "kMGTPEZY";
  double unit = base;
  std::size_t i = 0;
  for (; i + 1 < letters.size() && *bytes >= unit * base; ++i) unit *= base;
  const char letter = binary && i == 0 ? 'K' : letters[i];
  return m.text(fmt::format("{:.1f} {}{}", *bytes / unit, letter, binary ? "iB" : "B"));
}

constexpr named<filter_function> filters[] = {
    {"abs", absolute},       {"int", to_integer}, {"float", to_real},
    {"round", round_number}, {"sum", sum},        {"filesizeformat", file_size},
};

}  // namespace

std::span<const named<filter_function>> number_filters() { return filters; }

}  // namespace troupe::jinja
