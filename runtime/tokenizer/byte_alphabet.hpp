#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::text {

/// GPT-2's byte alphabet: each byte as a visible character, so that tokens can be written as text.
/// Printable Latin-1 bytes stand for themselves; the other 68 are U+0100 onwards in byte order.

/// The character that stands for each byte.
[[nodiscard]] const std::array<char32_t, 256>& byte_characters();

/// `bytes` written in the alphabet.
[[nodiscard]] std::string to_byte_alphabet(std::string_view bytes);

/// Appends to `out` the bytes that `text` stands for. Returns false, leaving `out` alone, if a
/// character of it is not in the alphabet.
[[nodiscard]] bool append_from_byte_alphabet(std::string& out, std::string_view text);

}  // namespace troupe::text
