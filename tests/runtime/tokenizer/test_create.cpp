// Specifications come from files: whatever they say, creation answers or refuses.
#include <doctest/doctest.h>

#include <limits>

#include "tests/runtime/tokenizer/support.hpp"

namespace troupe::test {
namespace {

TEST_CASE("a token twice is refused by name") {
  tokenizer_spec spec = byte_spec({"ab"});
  spec.tokens.emplace_back("ab");
  CHECK(reject(spec, errc::corrupt) == "tokenizer: token 'ab' has both id 256 and id 257");
}

TEST_CASE("a merge of or into something that is no token is refused") {
  tokenizer_spec spec = byte_spec();
  spec.merges = {{"a", "b"}};
  CHECK(reject(spec, errc::corrupt) ==
        "tokenizer: merge 0 joins 'a' and 'b', but 'ab' is no token");
  spec.merges = {{"a", "zz"}};
  CHECK(reject(spec, errc::corrupt) ==
        "tokenizer: merge 0 joins 'a' and 'zz', but 'zz' is no token");
  spec.merges = {{"", "a"}};
  CHECK(reject(spec, errc::corrupt) == "tokenizer: merge 0 joins '' and 'a', but '' is no token");
}

TEST_CASE("a merge twice is refused") {
  tokenizer_spec spec = byte_spec({"ab"});
  spec.merges.emplace_back("a", "b");
  CHECK(reject(spec, errc::corrupt) == "tokenizer: merge 1 repeats the merge of 'a' and 'b'");
}

TEST_CASE("ids of added tokens are bounded") {
  for (const token_id id :
       {-1, std::numeric_limits<token_id>::min(), 1 << 22, std::numeric_limits<token_id>::max()}) {
    tokenizer_spec spec = byte_spec();
    spec.added = {{.id = id, .content = "<x>"}};
    CHECK(reject(spec, errc::out_of_range).find("'<x>'") != std::string::npos);
  }
}

TEST_CASE("added tokens that contradict each other or the vocabulary are refused") {
  tokenizer_spec spec = byte_spec();
  spec.added = {{.id = 300, .content = "<x>"}, {.id = 300, .content = "<y>"}};
  CHECK(reject(spec, errc::corrupt) == "tokenizer: added tokens '<x>' and '<y>' share the id 300");
  spec.added = {{.id = 300, .content = "<x>"}, {.id = 301, .content = "<x>"}};
  CHECK(reject(spec, errc::corrupt) == "tokenizer: added token '<x>' has both id 300 and id 301");
  spec.added = {{.id = 'a', .content = "<x>"}};
  CHECK(reject(spec, errc::corrupt) ==
        "tokenizer: id 97 is 'a' among the tokens, '<x>' among the added ones");
}

TEST_CASE("an added token may be an ordinary one as well") {
  tokenizer_spec spec = byte_spec();
  spec.added = {{.id = '!', .content = "!", .special = true}};
  const auto tokens = make(spec);
  CHECK(tokens->encode("a!") == std::vector<token_id>{'a', '!'});
  CHECK(tokens->encode("a!", {.parse_special = false}) == std::vector<token_id>{'a', '!'});
}

TEST_CASE("named tokens lie in the vocabulary") {
  const auto with = [](auto change) {
    tokenizer_spec spec = byte_spec();
    change(spec);
    return spec;
  };
  CHECK(reject(with([](auto& s) { s.bos = 256; }), errc::out_of_range) ==
        "tokenizer: BOS token 256 is not in the vocabulary of 256");
  (void)reject(with([](auto& s) { s.eos = -1; }), errc::out_of_range);
  (void)reject(with([](auto& s) { s.unknown = 1000; }), errc::out_of_range);
  (void)reject(with([](auto& s) { s.padding = 1000; }), errc::out_of_range);
  (void)reject(with([](auto& s) { s.prefix = {0, 1000}; }), errc::out_of_range);
  (void)reject(with([](auto& s) { s.suffix = {-7}; }), errc::out_of_range);
}

TEST_CASE("too much of anything is refused before memory is taken for it") {
  tokenizer_spec spec;
  spec.tokens.resize((std::size_t{1} << 22) + 1);
  CHECK(reject(spec, errc::out_of_range) == "tokenizer: 4194305 tokens, more than 4194304");
  spec = byte_spec();
  spec.added = {{.id = 300, .content = std::string((std::size_t{1} << 24) + 1, 'x')}};
  (void)reject(spec, errc::out_of_range);
}

TEST_CASE("an empty vocabulary encodes to nothing and crashes on nothing") {
  const auto tokens = make({});
  CHECK(tokens->vocabulary_size() == 0);
  CHECK(tokens->encode("text \xFF").empty());
  CHECK(tokens->decode(std::vector<token_id>{0, 1}).empty());
}

TEST_CASE("messages show tokens that are no text as text") {
  tokenizer_spec spec;
  spec.tokens = {"\xFF\xFE", "\xFF\xFE"};
  CHECK(reject(spec, errc::corrupt) == "tokenizer: token '\uFFFD\uFFFD' has both id 0 and id 1");
}

TEST_CASE("messages keep to one line whatever a token holds") {
  tokenizer_spec spec;
  spec.tokens = {"a\nb", "a\nb"};
  CHECK(reject(spec, errc::corrupt) == "tokenizer: token 'a\\x0ab' has both id 0 and id 1");
}

TEST_CASE("a million tokens are created and found") {
  tokenizer_spec spec = byte_spec();
  for (int i = 0; i < 1'000'000; ++i) spec.tokens.push_back("t" + std::to_string(i));
  const auto tokens = make(spec);
  CHECK(tokens->find("t999999") == 1'000'255);
}

}  // namespace
}  // namespace troupe::test
