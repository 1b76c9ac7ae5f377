#include "runtime/tokenizer/tiktoken.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/tokenizer/support.hpp"

namespace troupe::test {
namespace {

std::string error_of(std::string_view file, errc code) {
  const auto parsed = parse_tiktoken(file);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code() == code);
  return parsed.error().message();
}

TEST_CASE("a tiktoken file is read by rank, whatever its line ends") {
  const auto tokens = parse_tiktoken("YQ== 1\r\nYWI= 0\n\nYWJj 3");
  REQUIRE(tokens.has_value());
  CHECK(*tokens == std::vector<std::string>{"ab", "a", "", "abc"});
}

TEST_CASE("a bad line of a tiktoken file is refused by number") {
  CHECK(error_of("YQ== 0\nYg==", errc::corrupt) ==
        "tiktoken line 2: no space between token and rank");
  CHECK(error_of("YQ== x", errc::corrupt) == "tiktoken line 1: the rank is no number");
  CHECK(error_of("YQ== -1", errc::corrupt) == "tiktoken line 1: the rank is no number");
  CHECK(error_of("YQ== 1 2", errc::corrupt) == "tiktoken line 1: the rank is no number");
  CHECK(error_of("YQ== 99999999999999999999", errc::corrupt) ==
        "tiktoken line 1: the rank is no number");
  CHECK(error_of("YQ== 0\nYg== 0", errc::corrupt) == "tiktoken line 2: rank 0 is given twice");
  for (const char* bad :
       {" 0", "Y 0", "YQ= 0", "YQ 0", "Y=== 0", "==== 0", "Y=Q= 0", "Y*== 0", "YR== 0"})
    CHECK(error_of(bad, errc::corrupt) == "tiktoken line 1: the token is not base64");
}

TEST_CASE("a rank beyond what the file can hold is refused") {
  CHECK(error_of("YQ== 4000000000", errc::out_of_range) ==
        "tiktoken line 1: rank 4000000000 is past 14");
}

TEST_CASE("ranks become merges of the pair each token is made of") {
  const std::vector<std::string> ranks = {"a", "b", "c", "bc", "ab", "abc", "aa", "cab"};
  const tokenizer_spec spec = spec_from_ranks(ranks);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"b", "c"}, {"a", "b"}, {"a", "bc"}, {"a", "a"}, {"c", "ab"}};
  CHECK(spec.merges == expected);
  CHECK(make(spec)->encode("abcabc") == std::vector<token_id>{5, 5});
}

TEST_CASE("a token that no pair makes is made only of a whole word") {
  const std::vector<std::string> ranks = {"a", "b", "c", "abc"};
  const auto tokens = make(spec_from_ranks(ranks));
  CHECK(tokens->encode("abc") == std::vector<token_id>{3});
  CHECK(tokens->encode("abca") == std::vector<token_id>{0, 1, 2, 0});
}

TEST_CASE("the same bytes at two ranks are refused when the tokenizer is created") {
  const std::vector<std::string> ranks = {"a", "b", "ab", "ab"};
  CHECK(reject(spec_from_ranks(ranks), errc::corrupt) ==
        "tokenizer: token 'ab' has both id 2 and id 3");
}

TEST_CASE("every token of Qwen's vocabulary is made of a pair and encodes to itself") {
  const auto tokens = qwen();
  if (tokens == nullptr) {
    MESSAGE("skipped: Qwen's vocabulary is not there; run tools/fetch-test-data.sh");
    return;
  }
  CHECK(tokens->spec().merges.size() == 151643 - 256);
  tokenizer_spec merging = tokens->spec();
  merging.ignore_merges = false;
  const auto plain = make(merging);
  CHECK(plain->encode("Hello world") == std::vector<token_id>{9707, 1879});
  std::mt19937 random(19);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = nasty_text(random, 60, true);
    REQUIRE(plain->encode(text) == tokens->encode(text));
  }
}

}  // namespace
}  // namespace troupe::test
