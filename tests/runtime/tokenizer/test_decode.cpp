#include <doctest/doctest.h>

#include "runtime/tokenizer/stream_decoder.hpp"
#include "tests/runtime/tokenizer/support.hpp"

namespace troupe::test {
namespace {

std::vector<token_id> bytes_as_ids(std::string_view bytes) {
  std::vector<token_id> ids;
  for (const char b : bytes) ids.push_back(static_cast<std::uint8_t>(b));
  return ids;
}

std::shared_ptr<const tokenizer> sample() {
  tokenizer_spec spec = byte_spec({"he", "\xF0\x9F", "\xE4\xBD"});
  spec.tokens.emplace_back("\u4f60 ");  // not in the byte alphabet: kept as it is
  spec.tokens.emplace_back();           // a hole
  spec.added = {{.id = 270, .content = "<\u00e9>", .special = true},
                {.id = 271, .content = "<think>", .special = false}};
  return make(spec);
}

TEST_CASE("tokens have bytes, a kind and a name") {
  const auto tokens = sample();
  CHECK(tokens->vocabulary_size() == 272);
  CHECK(tokens->bytes(256) == "he");
  CHECK(tokens->bytes(257) == "\xF0\x9F");
  CHECK(tokens->bytes(259) == "\u4f60 ");
  CHECK(tokens->bytes(270) == "<\u00e9>");
  for (const token_id none : {260, 265, 272, -1, 1 << 30}) {
    CHECK(tokens->bytes(none).empty());
    CHECK_FALSE(tokens->is_special(none));
  }
  CHECK(tokens->is_special(270));
  CHECK_FALSE(tokens->is_special(271));
  CHECK(tokens->find("<think>") == 271);
  CHECK(tokens->find("he") == 256);
  CHECK(tokens->find("\u0120") == ' ');
  CHECK(tokens->find("nothing") == -1);
  CHECK(tokens->find("") == -1);
}

TEST_CASE("special tokens can be left out of the text, others stay") {
  const auto tokens = sample();
  const std::vector<token_id> ids = {270, 'a', 271, 270};
  CHECK(tokens->decode(ids) == "<\u00e9>a<think><\u00e9>");
  CHECK(tokens->decode(ids, true) == "a<think>");
}

TEST_CASE("ids past the vocabulary are skipped and broken bytes replaced") {
  const auto tokens = sample();
  CHECK(tokens->decode(std::vector<token_id>{'a', -5, 99999, 260, 'b'}) == "ab");
  CHECK(tokens->decode(std::vector<token_id>{258, 'x', 258}) == "\uFFFDx\uFFFD");
  CHECK(tokens->decode(std::vector<token_id>{}).empty());
}

TEST_CASE("a stream holds a character back until it is whole, and no longer") {
  stream_decoder stream(sample());
  CHECK(stream.push('a') == "a");
  CHECK(stream.push(257).empty());
  CHECK(stream.push(0x99).empty());
  CHECK(stream.push(0x82) == "\U0001f642");
  CHECK(stream.push(258).empty());
  CHECK(stream.push('b') == "\uFFFD\x62");
  CHECK(stream.push(0xFF) == "\uFFFD");
  CHECK(stream.push(0xF0).empty());
  CHECK(stream.push(0xF0) == "\uFFFD");
  CHECK(stream.finish() == "\uFFFD");
  CHECK(stream.finish().empty());
  CHECK(stream.push('c') == "c");
}

TEST_CASE("what a stream gives, joined, is what decode gives, for any ids") {
  const auto tokens = sample();
  std::mt19937 random(13);
  for (int round = 0; round < 3000; ++round) {
    std::vector<token_id> ids(random() % 30);
    for (auto& id : ids)
      id = random() % 3 == 0 ? static_cast<token_id>(random() % 300) - 5
                             : static_cast<token_id>(0x80 + random() % 0x80);
    for (const bool skip : {false, true}) {
      stream_decoder stream(tokens, skip);
      std::string joined;
      for (const token_id id : ids) joined += stream.push(id);
      joined += stream.finish();
      REQUIRE(joined == tokens->decode(ids, skip));
    }
  }
}

TEST_CASE("any bytes come back from their tokens") {
  tokenizer_spec spec = tiny_spec("tiny-qwen3");
  spec.nfc = false;
  const auto tokens = make(spec);
  std::mt19937 random(17);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = nasty_text(random, 40, true);
    std::string bytes;
    for (const token_id id : tokens->encode(text)) bytes += tokens->bytes(id);
    REQUIRE(bytes == text);
  }
  CHECK(tokens->decode(tokens->encode("a\xFFz")) == "a\uFFFDz");
}

TEST_CASE("all bytes alone decode as a string of them would") {
  const auto tokens = make(byte_spec());
  CHECK(tokens->decode(bytes_as_ids("\u4f60\xE4\xBD!")) == "\u4f60\uFFFD!");
}

}  // namespace
}  // namespace troupe::test
