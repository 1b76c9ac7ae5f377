#include <doctest/doctest.h>

#include <string>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/unicode.hpp"
#include "runtime/tokenizer/utf8.hpp"

namespace troupe::test {
namespace {

std::string lossy(std::string_view bytes) {
  std::string out;
  const std::size_t consumed = text::append_lossy(out, bytes);
  CHECK(bytes.size() - consumed < 4);
  return out;
}

TEST_CASE("every code point survives encoding and reading") {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string encoded;
    text::append_utf8(encoded, c);
    const auto step = text::read_utf8(encoded, 0);
    REQUIRE(step.state == text::utf8_state::valid);
    REQUIRE(step.code_point == c);
    REQUIRE(step.length == encoded.size());
  }
}

// The examples of the Unicode standard, section 3.9 (tables 3-8 to 3-11).
TEST_CASE("each maximal ill-formed subpart becomes one replacement character") {
  const std::string r(text::replacement);
  CHECK(lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") == r + r + r + r + r + "A" + r + r + "B");
  CHECK(lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == r + r + r + r + "A");
}

TEST_CASE("a character cut off by the end is left unread") {
  std::string out;
  CHECK(text::append_lossy(out, "ab\xE4\xBD") == 2);
  CHECK(out == "ab");
}

TEST_CASE("the byte alphabet maps all bytes to printable characters and back") {
  std::string bytes;
  for (int b = 0; b < 256; ++b) bytes.push_back(static_cast<char>(b));
  const std::string written = text::to_byte_alphabet(bytes);
  std::string back = "kept ";
  CHECK(text::append_from_byte_alphabet(back, written));
  CHECK(back == "kept " + bytes);
  CHECK(text::to_byte_alphabet(" \n") == "\u0120\u010a");
  CHECK_FALSE(text::append_from_byte_alphabet(back, "a b"));
  CHECK_FALSE(text::append_from_byte_alphabet(back, "\u0144"));
  CHECK_FALSE(text::append_from_byte_alphabet(back, "a\xFF"));
  CHECK(back == "kept " + bytes);
}

TEST_CASE("white space is exactly Unicode's White_Space") {
  const std::u32string spaces =
      U"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
      U"\u200a\u2028\u2029\u202f\u205f\u3000";
  for (char32_t c = 0; c < 0x110000; ++c)
    REQUIRE(text::is_space(text::kind_of(c)) == (spaces.find(c) != std::u32string::npos));
}

}  // namespace
}  // namespace troupe::test
