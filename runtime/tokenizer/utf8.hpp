#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::text {

enum class utf8_state : std::uint8_t {
  valid,
  invalid,    ///< no bytes that follow can make this a character
  truncated,  ///< the text ends inside what is so far a well-formed character
};

/// One step through text that may not be UTF-8.
struct utf8_step {
  char32_t code_point = 0;  ///< only where state is valid
  /// Bytes of the character, or of the maximal ill-formed subpart (Unicode 3.9, table 3-7) where it
  /// is not valid; at least 1.
  std::uint8_t length = 1;
  utf8_state state = utf8_state::valid;
};

/// Reads the character at `at`, which must be less than `text.size()`.
[[nodiscard]] utf8_step read_utf8(std::string_view text, std::size_t at);

/// Appends `code_point` (a Unicode scalar value) as UTF-8.
void append_utf8(std::string& out, char32_t code_point);

/// Appends `bytes` as valid UTF-8, each maximal ill-formed subpart becoming one U+FFFD. Stops
/// before a truncated character at the end. Returns how many bytes were consumed.
std::size_t append_lossy(std::string& out, std::string_view bytes);

/// U+FFFD REPLACEMENT CHARACTER.
inline constexpr std::string_view replacement = "\xEF\xBF\xBD";

}  // namespace troupe::text
