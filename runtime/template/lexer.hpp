#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/template/value.hpp"

namespace troupe::jinja {

enum class token_kind : std::uint8_t {
  end,
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  whole,
  real,
  symbol
};

struct token {
  token_kind kind = token_kind::end;
  std::size_t line = 1;
  std::string text;  ///< data, a name, a string's content or a symbol
  integer whole = 0;
  double real = 0;

  [[nodiscard]] bool is_name(std::string_view name) const {
    return kind == token_kind::name && text == name;
  }
  [[nodiscard]] bool is_symbol(std::string_view symbol) const {
    return kind == token_kind::symbol && text == symbol;
  }
};

/// Cuts a template into tokens as Jinja does with trim_blocks and lstrip_blocks: line ends become
/// \n, one newline at the very end is dropped, white space around tags goes as their marks say,
/// comments vanish and raw blocks become data. The last token is `end`. Fails with
/// invalid_argument and the line.
[[nodiscard]] result<std::vector<token>> tokenize(std::string_view source);

/// What a string literal between its quotes means.
[[nodiscard]] result<std::string> unescape(std::string_view literal);

/// A failure to compile, at a line of the template.
template <class... Args>
[[nodiscard]] tl::unexpected<error> fail_at(std::size_t line, fmt::format_string<Args...> format,
                                            Args&&... args) {
  return fail(errc::invalid_argument, "chat template, line {}: {}", line,
              fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace troupe::jinja
