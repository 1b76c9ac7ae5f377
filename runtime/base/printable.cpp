#include "runtime/base/printable.hpp"

#include <cstddef>

namespace troupe {
namespace {

std::size_t length_by(unsigned char first) {
  if (first < 0x80U) return 1;
  if (first >= 0xc2U && first < 0xe0U) return 2;
  if (first >= 0xe0U && first < 0xf0U) return 3;
  if (first >= 0xf0U && first < 0xf5U) return 4;
  return 0;
}

/// Bytes of the well-formed character that `text` begins with; 0: it begins with none.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = length_by(byte(0));
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  if (length < 3) return length;
  // Neither longer than need be, nor half of a pair, nor past the last.
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  const bool wrong = (first == 0xe0U && second < 0xa0U) || (first == 0xedU && second > 0x9fU) ||
                     (first == 0xf0U && second < 0x90U) || (first == 0xf4U && second > 0x8fU);
  return wrong ? 0 : length;
}

bool is_control(std::string_view one) {
  const auto first = static_cast<unsigned char>(one[0]);
  // Also those of Latin-1, which terminals obey.
  return first < 0x20U || first == 0x7fU ||
         (first == 0xc2U && one.size() == 2 && static_cast<unsigned char>(one[1]) < 0xa0U);
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character(text);
    const std::string_view one = text.substr(0, length == 0 ? 1 : length);
    if (length > 0 && !is_control(one)) {
      shown += one;
    } else {
      for (const char c : one) {
        const auto byte = static_cast<unsigned char>(c);
        shown += "\\x";
        shown += digits[byte >> 4U];
        shown += digits[byte & 15U];
      }
    }
    text.remove_prefix(one.size());
  }
  return shown;
}

}  // namespace troupe
