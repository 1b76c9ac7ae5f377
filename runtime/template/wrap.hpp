#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::jinja {

struct wrap_style {
  std::size_t width = 79;  ///< code points a line
  bool break_long_words = true;
  bool break_on_hyphens = true;
};

/// Lines of at most `width` code points, as Python's textwrap.wrap fills them with white space
/// kept inside lines and dropped at their ends.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, const wrap_style& style);

}  // namespace troupe::jinja
