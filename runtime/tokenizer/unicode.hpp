#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/tokenizer/utf8.hpp"

namespace troupe::text {

/// What the pre-tokenizers' patterns tell apart.
enum class char_kind : std::uint8_t {
  end,      ///< past the end of the text
  letter,   ///< \p{L}
  number,   ///< \p{N}
  newline,  ///< \r or \n
  space,    ///< \s (White_Space) other than a newline
  other,    ///< anything else, bytes that are not UTF-8 included
};

[[nodiscard]] constexpr bool is_space(char_kind k) {
  return k == char_kind::space || k == char_kind::newline;
}

/// By Unicode general category, in the Unicode version of the utf8proc that is linked.
[[nodiscard]] char_kind kind_of(char32_t code_point);

/// A word character as regular expressions see it (\w): Alphabetic, Mark, Nd, Pc, Join_Control.
[[nodiscard]] bool is_word_character(char32_t code_point);

struct character {
  char_kind kind = char_kind::end;
  std::uint8_t length = 0;  ///< bytes; 0 at the end, 1 for a byte that is not UTF-8
};

/// The character at `at`; kind end where `at` is the size of `text`.
[[nodiscard]] character character_at(std::string_view text, std::size_t at);

/// Where the run of `kind` that begins at `at` ends.
[[nodiscard]] std::size_t run_end(std::string_view text, std::size_t at, char_kind kind);

}  // namespace troupe::text
