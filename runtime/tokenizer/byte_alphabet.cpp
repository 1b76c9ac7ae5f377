#include "runtime/tokenizer/byte_alphabet.hpp"

#include "runtime/tokenizer/utf8.hpp"

namespace troupe::text {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr auto characters = [] {
  std::array<char32_t, 256> table{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < table.size(); ++byte)
    table[byte] = stands_for_itself(byte) ? byte : next++;
  return table;
}();

constexpr std::size_t alphabet_end = 0x100 + 68;

constexpr auto bytes_of = [] {
  std::array<std::int16_t, alphabet_end> table{};
  for (auto& byte : table) byte = -1;
  for (unsigned byte = 0; byte < characters.size(); ++byte)
    table[characters[byte]] = static_cast<std::int16_t>(byte);
  return table;
}();

}  // namespace

const std::array<char32_t, 256>& byte_characters() { return characters; }

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, characters[static_cast<std::uint8_t>(byte)]);
  return text;
}

bool append_from_byte_alphabet(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  for (std::size_t at = 0; at < text.size();) {
    const utf8_step step = read_utf8(text, at);
    const bool known = step.state == utf8_state::valid && step.code_point < alphabet_end &&
                       bytes_of[step.code_point] >= 0;
    if (!known) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(bytes_of[step.code_point]));
    at += step.length;
  }
  return true;
}

}  // namespace troupe::text
