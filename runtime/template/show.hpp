#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/template/machine.hpp"

/// How values look as text, and how text becomes numbers, as Python does both.
namespace troupe::jinja {

/// str(v).
[[nodiscard]] std::string to_text(machine& m, const value& v);
/// str(v) as a value: a string stays what it is.
[[nodiscard]] value as_text(machine& m, const value& v);
/// repr(v).
[[nodiscard]] std::string represent(machine& m, const value& v);
/// repr() of a float: the shortest digits that read back as the same number.
[[nodiscard]] std::string show_real(double d);
[[nodiscard]] std::string show_integer(integer i);

/// int(text, base): white space, a sign, single underscores and the base's prefix are allowed.
[[nodiscard]] std::optional<integer> parse_integer(std::string_view text, int base = 10);
/// float(text).
[[nodiscard]] std::optional<double> parse_real(std::string_view text);

struct json_style {
  bool ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  ///< what one level is indented by; nothing: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
/// json.dumps(v).
[[nodiscard]] std::string to_json(machine& m, const value& v, const json_style& style);

}  // namespace troupe::jinja
