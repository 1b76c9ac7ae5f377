#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "runtime/tokenizer/nfc.hpp"

namespace troupe::test {
namespace {

std::string nfc(std::string_view text) {
  std::string storage;
  return std::string(text::nfc(text, storage));
}

TEST_CASE("marks compose, singletons are replaced, exclusions stay apart") {
  CHECK(nfc("cafe\u0301s") == "caf\u00e9s");
  CHECK(nfc("\u212b") == "\u00c5");
  CHECK(nfc("\u1e9b\u0323") == "\u1e9b\u0323");
  CHECK(nfc("\u0958") == "\u0915\u093c");
  CHECK(nfc("\u0344") == "\u0308\u0301");
  CHECK(nfc("\U0001d15e") == "\U0001d157\U0001d165");
  CHECK(nfc("\uf900") == "\u8c48");
  CHECK(nfc("\ufb01") == "\ufb01");
}

TEST_CASE("marks are put in order of combining class and keep their order within one") {
  CHECK(nfc("a\u0301\u0323") == "\u1ea1\u0301");
  CHECK(nfc("q\u0307\u0323\u0301") == "q\u0323\u0307\u0301");
  CHECK(nfc("\u0301\u0323") == "\u0323\u0301");
}

TEST_CASE("Hangul composes, and the letter before the finals takes no part") {
  CHECK(nfc("\u1112\u1161\u11ab") == "\ud55c");
  CHECK(nfc("\ud558\u11ab") == "\ud55c");
  CHECK(nfc("\uac00\u11a7") == "\uac00\u11a7");
  CHECK(nfc("\u1100\u1100\u1161") == "\u1100\uac00");
}

TEST_CASE("vowel signs that are no marks of a class compose with the letter before") {
  CHECK(nfc("\u09c7\u09be") == "\u09cb");
  CHECK(nfc("\u09c7\u0301\u09be") == "\u09c7\u0301\u09be");
}

TEST_CASE("bytes that are not UTF-8 stay and separate what is around them") {
  CHECK(nfc("e\xFF\u0301") == "e\xFF\u0301");
  CHECK(nfc("e\u0301\xE4\xBD") == "\u00e9\xE4\xBD");
  CHECK(nfc("\xED\xA0\x80"
            "e\u0301") == "\xED\xA0\x80\u00e9");
}

TEST_CASE("normal text is not copied") {
  const std::string text = "plain \u00e9 \u4f60\u597d \ud55c";
  std::string storage;
  CHECK(text::nfc(text, storage).data() == text.data());
}

TEST_CASE("half a million marks in the worst order are sorted in time") {
  std::string text = "e";
  std::string below;
  std::string above;
  for (int i = 0; i < 250'000; ++i) {
    text += "\u0302\u0323";
    below += "\u0323";
    above += "\u0302";
  }
  // U+1EB9 takes the first mark below; U+1EB9 and U+0302 then make U+1EC7.
  CHECK(nfc(text) == "\u1ec7" + below.substr(2) + above.substr(2));
}

}  // namespace
}  // namespace troupe::test
