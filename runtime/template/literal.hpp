#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "runtime/template/value.hpp"

namespace troupe::jinja {

struct number_literal {
  std::size_t size = 0;  ///< bytes it takes in the source
  bool is_real = false;
  bool fits = true;  ///< false when the integer is too large
  integer whole = 0;
  double real = 0;
};

/// The number that `text` starts with. After a dot only an integer can stand: `x.0.1`.
[[nodiscard]] std::optional<number_literal> scan_number(std::string_view text, bool after_dot);
/// Bytes of the name that `text` starts with; 0 when it starts with none.
[[nodiscard]] std::size_t scan_name(std::string_view text);

}  // namespace troupe::jinja
