#include <doctest/doctest.h>

#include "runtime/tokenizer/added_matcher.hpp"
#include "tests/runtime/tokenizer/support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

pre_tokenizer split_of(std::string_view name) {
  if (name == "gpt2") return pre_tokenizer::gpt2;
  if (name == "llama3") return pre_tokenizer::llama3;
  return name == "smollm" ? pre_tokenizer::smollm : pre_tokenizer::qwen2;
}

TEST_CASE("added tokens of every kind match as in Hugging Face tokenizers") {
  tokenizer_spec base = tiny_spec("tiny-llama");
  base.tokens.resize(700);  // its own added tokens come after
  const auto all = read_json(data() / "tokenizer" / "added.json");
  for (const auto& one : all.as_array()) {
    CAPTURE(boost::json::serialize(one.at("added")));
    tokenizer_spec spec = base;
    spec.added.clear();
    for (const auto& token : one.at("added").as_array()) spec.added.push_back(added_of(token));
    spec.split = split_of(one.at("split").as_string());
    spec.nfc = one.at("nfc").as_bool();
    spec.add_prefix_space = one.at("add_prefix_space").as_bool();
    spec.ignore_merges = one.at("ignore_merges").as_bool();
    const auto tokens = make(spec);
    const encode_options options{.parse_special = one.at("parse_special").as_bool()};
    for (const auto& text_case : one.at("cases").as_array()) {
      const auto text = boost::json::value_to<std::string>(text_case.at("text"));
      CAPTURE(text);
      CHECK(tokens->encode(text, options) == ids_of(text_case.at("ids")));
    }
  }
}

TEST_CASE("special tokens are matched only where asked, others always") {
  tokenizer_spec spec = byte_spec();
  spec.added = {{.id = 300, .content = "<s>", .special = true},
                {.id = 301, .content = "<t>", .special = false}};
  const auto tokens = make(spec);
  CHECK(tokens->encode("<s><t>") == std::vector<token_id>{300, 301});
  CHECK(tokens->encode("<s><t>", {.parse_special = false}) ==
        std::vector<token_id>{'<', 's', '>', 301});
}

TEST_CASE("the model's own prefix and suffix go around the text where asked") {
  tokenizer_spec spec = byte_spec();
  spec.prefix = {1};
  spec.suffix = {2, 3};
  const auto tokens = make(spec);
  CHECK(tokens->encode("a") == std::vector<token_id>{1, 'a', 2, 3});
  CHECK(tokens->encode("") == std::vector<token_id>{1, 2, 3});
  CHECK(tokens->encode("a", {.add_special = false}) == std::vector<token_id>{'a'});
}

TEST_CASE("pieces are what a search at every position finds") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<added_token> tokens;
    const auto letters = [&](std::size_t most) {
      std::string text;
      for (std::size_t n = random() % most; n > 0; --n)
        text.push_back(static_cast<char>('a' + random() % 2));
      return text;
    };
    for (token_id id = 0; id < 6; ++id) {
      std::string content = letters(7);
      for (const auto& other : tokens)
        if (other.content == content) content.clear();
      tokens.push_back({.id = id, .content = content});
    }
    const std::string text = letters(60);
    std::vector<token_id> expected;
    for (std::size_t at = 0; at < text.size();) {
      const added_token* best = nullptr;
      for (const auto& token : tokens) {
        const bool here =
            !token.content.empty() && text.compare(at, token.content.size(), token.content) == 0;
        if (here && (best == nullptr || token.content.size() > best->content.size())) best = &token;
      }
      if (best != nullptr) expected.push_back(best->id);
      at += best != nullptr ? best->content.size() : 1;
    }
    std::vector<text::text_piece> pieces;
    text::added_matcher(tokens).split(text, true, pieces);
    std::vector<token_id> found;
    std::size_t end = 0;
    for (const auto& piece : pieces) {
      CHECK(piece.begin == end);
      end = piece.end;
      if (piece.token != text::text_piece::ordinary) found.push_back(piece.token);
    }
    CHECK(end == text.size());
    CHECK(found == expected);
  }
}

TEST_CASE("long nested tokens and swallowed white space keep matching linear") {
  std::vector<added_token> tokens;
  tokens.reserve(1002);
  for (token_id id = 0; id < 1000; ++id)
    tokens.push_back(
        {.id = id, .content = std::string(static_cast<std::size_t>(id) * 2 + 2, 'a') + "b"});
  tokens.push_back({.id = 5000, .content = " ", .lstrip = true, .rstrip = true});
  tokens.push_back({.id = 5001, .content = "\t", .rstrip = true});
  const text::added_matcher matcher(std::move(tokens));
  std::vector<text::text_piece> pieces;
  matcher.split(std::string(1'000'000, 'a'), true, pieces);
  CHECK(pieces.size() == 1);
  pieces.clear();
  matcher.split(std::string(1'000'000, ' '), true, pieces);
  CHECK(pieces.size() == 1);
  pieces.clear();
  matcher.split(std::string(1'000'000, '\t'), true, pieces);
  CHECK(pieces.size() == 1'000'000);
}

}  // namespace
}  // namespace troupe::test
