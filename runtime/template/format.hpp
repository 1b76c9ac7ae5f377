#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/template/machine.hpp"

namespace troupe::jinja {

/// How one value is laid out, as both "%" and str.format say it.
struct field_style {
  std::string fill = " ";
  char align = 0;  ///< < > ^ or = (after the sign); 0: by type
  char sign = '-';
  bool alternate = false;
  std::size_t width = 0;
  char grouping = 0;  ///< between thousands: , or _
  std::optional<std::size_t> precision;
  char type = 0;
};

/// The largest width or precision a format may ask for.
constexpr std::size_t widest_field = 1U << 20U;

/// A string cut to the precision and padded to the width.
[[nodiscard]] std::string lay_out_text(std::string_view text, const field_style& style);
/// An integer in base 2, 8, 10 or 16 (types b, o, d, x, X).
[[nodiscard]] std::string lay_out_integer(integer i, const field_style& style);
/// A float in one of the types e, E, f, F, g, G, % or none (as str() shows it).
[[nodiscard]] std::string lay_out_real(double d, const field_style& style);

/// "...".format(...), with attributes and items resolved as in the template.
[[nodiscard]] value format_fields(machine& m, const text_object& format, const arguments& args);
/// format(v, spec).
[[nodiscard]] std::string format_value(machine& m, const value& v, std::string_view spec);

}  // namespace troupe::jinja
