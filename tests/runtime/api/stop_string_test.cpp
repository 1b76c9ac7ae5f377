#include <doctest/doctest.h>

#include <random>

#include "runtime/api/text_stream.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {

/// What comes out when `text` arrives in pieces of `size` bytes.
std::string cut(std::string_view text, std::vector<std::string> stops, std::size_t size,
                bool include = false) {
  stop_matcher m(std::move(stops), include);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += size) out += m.push(text.substr(i, size));
  if (!m.matched()) out += m.finish();
  return out;
}

TEST_CASE("text stops before the stop string, however it is cut") {
  for (std::size_t size = 1; size < 12; ++size) {
    CHECK(cut("one two three", {"two"}, size) == "one ");
    CHECK(cut("one two three", {"two"}, size, true) == "one two");
    CHECK(cut("one tw", {"two"}, size) == "one tw");
    CHECK(cut("aaab", {"aab"}, size) == "a");
    CHECK(cut("abcd", {"bcd", "c"}, size) == "ab");  // c is complete first
    CHECK(cut("abcd", {"c", "bc"}, size) == "a");    // complete together: the longer
    CHECK(cut("caf\xc3\xa9 bar", {"\xc3\xa9"}, size) == "caf");
    CHECK(cut("nothing", {}, size) == "nothing");
    CHECK(cut("stop", {"stop"}, size).empty());
  }
}

TEST_CASE("only what may still become a stop string is held back") {
  stop_matcher m({"END", "###"});
  CHECK(m.push("hello") == "hello");
  CHECK(m.push(" E") == " ");
  CHECK(m.push("N") == "");
  CHECK(m.push("T") == "ENT");
  CHECK(m.push("##") == "");
  CHECK(m.push("#x") == "");
  CHECK(m.matched());
  CHECK(m.push("more").empty());
}

TEST_CASE("random texts give the same whatever the pieces") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const auto word = [&](std::size_t most) {
      std::string s(1 + random() % most, 'a');
      for (char& c : s) c = static_cast<char>('a' + random() % 3);
      return s;
    };
    const std::string text = word(40);
    const std::vector<std::string> stops{word(5), word(5)};
    const std::string whole = cut(text, stops, text.size());
    for (const std::size_t size : {1U, 2U, 3U, 7U}) CHECK(cut(text, stops, size) == whole);
  }
}

TEST_CASE("tokens that split a character give it whole") {
  const auto& tokens = test::tiny_model()->tokens;
  const std::string text = "naïve 世界 😀!";
  text_stream stream(tokens, {});
  std::string out;
  for (const token_id t : tokens->encode(text)) {
    const std::string piece = stream.push(t);
    CHECK(piece.find("\xef\xbf\xbd") == std::string::npos);
    out += piece;
  }
  CHECK(out + stream.finish() == text);
  CHECK(stream.characters() == 11);
}

TEST_CASE("a stop string is met inside characters that tokens split") {
  const auto& tokens = test::tiny_model()->tokens;
  text_stream stream(tokens, {"界 😀"});
  std::string out;
  for (const token_id t : tokens->encode("世界 😀!")) out += stream.push(t);
  CHECK(stream.stopped());
  CHECK(out + stream.finish() == "世");
}

TEST_CASE("an unfinished character is shown as a replacement at the end") {
  const auto& tokens = test::tiny_model()->tokens;
  text_stream stream(tokens, {"never"});
  const auto ids = tokens->encode("😀");
  REQUIRE(ids.size() > 1);
  CHECK(stream.push(ids[0]).empty());
  CHECK(stream.finish() == "\xef\xbf\xbd");
}

TEST_CASE("stop strings do not count before min_tokens") {
  const auto& tokens = test::tiny_model()->tokens;
  const auto ids = tokens->encode("a.b.c");
  text_stream stream(tokens, {"."});
  std::string out;
  for (std::size_t i = 0; i < ids.size(); ++i) out += stream.push(ids[i], i >= 3);
  CHECK(out == "a.b");
}

}  // namespace
}  // namespace troupe
