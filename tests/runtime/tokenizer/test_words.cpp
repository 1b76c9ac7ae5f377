#include <doctest/doctest.h>

#include "runtime/tokenizer/word_end.hpp"
#include "tests/runtime/tokenizer/support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

std::vector<std::string> words_of(std::string_view text, pre_tokenizer split) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text::word_end(text, at, split);
    REQUIRE(end > at);
    REQUIRE(end <= text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

constexpr std::pair<const char*, pre_tokenizer> splits[] = {{"gpt2", pre_tokenizer::gpt2},
                                                            {"qwen2", pre_tokenizer::qwen2},
                                                            {"llama3", pre_tokenizer::llama3},
                                                            {"smollm", pre_tokenizer::smollm}};

using words = std::vector<std::string>;

TEST_CASE("words are cut where Hugging Face tokenizers' regular expressions cut them") {
  const auto cases = read_json(data() / "tokenizer" / "words.json");
  for (const auto& entry : splits) {
    const std::string name = entry.first;
    const pre_tokenizer split = entry.second;
    CAPTURE(name);
    for (const auto& one : cases.at(name).as_array()) {
      const auto expected = boost::json::value_to<words>(one);
      std::string text;
      for (const std::string& word : expected) text += word;
      CAPTURE(text);
      CHECK(words_of(text, split) == expected);
    }
  }
}

TEST_CASE("contractions fold case, long s included, where the pattern says so") {
  CHECK(words_of("it'S he'LL a'\u017fb", pre_tokenizer::qwen2) ==
        words{"it", "'S", " he", "'LL", " a", "'\u017f", "b"});
  CHECK(words_of("it'S he'll", pre_tokenizer::gpt2) == words{"it", "'", "S", " he", "'ll"});
}

TEST_CASE("digits stand alone, in threes or together") {
  CHECK(words_of(" 12345", pre_tokenizer::qwen2) == words{" ", "1", "2", "3", "4", "5"});
  CHECK(words_of(" 12345", pre_tokenizer::llama3) == words{" ", "123", "45"});
  CHECK(words_of(" 12345", pre_tokenizer::gpt2) == words{" 12345"});
  CHECK(words_of("  12", pre_tokenizer::smollm) == words{"  ", "1", "2"});
}

TEST_CASE("white space leaves its last character to the next word, except at the end") {
  CHECK(words_of("a   b  ", pre_tokenizer::qwen2) == words{"a", "  ", " b", "  "});
  CHECK(words_of("a \n\n  b", pre_tokenizer::qwen2) == words{"a", " \n\n", " ", " b"});
  CHECK(words_of("a \n\n  b", pre_tokenizer::gpt2) == words{"a", " \n\n ", " b"});
}

TEST_CASE("bytes that are not UTF-8 are symbols, one by one") {
  CHECK(words_of("a\xFF\xE4\xBD"
                 "b",
                 pre_tokenizer::qwen2) == words{"a", "\xFF\xE4\xBD", "b"});
  CHECK(words_of("\xE4"
                 "b",
                 pre_tokenizer::qwen2) == words{"\xE4"
                                                "b"});
}

TEST_CASE("words joined are the text, whatever its bytes") {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = nasty_text(random, 40, true);
    for (const auto& [name, split] : splits) {
      std::string joined;
      for (const std::string& word : words_of(text, split)) joined += word;
      REQUIRE(joined == text);
    }
  }
}

}  // namespace
}  // namespace troupe::test
