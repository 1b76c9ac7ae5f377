#include "runtime/formats/gguf_tokenizer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "runtime/formats/gguf_reader.hpp"
#include "tests/support/gguf_models.hpp"

namespace troupe {
namespace {

using test::gguf_writer;

result<tokenizer_spec> read(const gguf_writer& writer) {
  const std::string bytes = writer.build();
  const auto file = parse_gguf(test::as_bytes(bytes));
  REQUIRE(file);
  return read_gguf_tokenizer(file->metadata);
}

std::string refusal(const gguf_writer& writer) {
  const auto spec = read(writer);
  return spec ? "" : spec.error().message();
}

gguf_writer replaced(std::string_view key) { return test::tiny_llama_gguf().without_key(key); }

TEST_CASE("a GGUF tokenizer is read whole") {
  const auto spec = read(test::tiny_llama_gguf());
  REQUIRE(spec);
  CHECK(spec->tokens.size() == 40);
  CHECK(spec->tokens[4] == "a");
  CHECK(spec->merges.size() == 4);
  CHECK(spec->merges[1] == std::pair<std::string, std::string>("th", "e"));
  CHECK(spec->split == pre_tokenizer::smollm);
  CHECK_FALSE(spec->nfc);
  REQUIRE(spec->added.size() == 4);
  CHECK(spec->added[2].content == "<|im_end|>");
  CHECK(spec->added[2].special);
  CHECK(spec->added[3].content == "<think>");
  CHECK_FALSE(spec->added[3].special);
  CHECK(spec->bos == 1);
  CHECK(spec->eos == 2);
  CHECK(spec->prefix.empty());
}

TEST_CASE("the name of the split decides the rules") {
  const auto named = [](std::string_view name) {
    return *read(replaced("tokenizer.ggml.pre").text("tokenizer.ggml.pre", name));
  };
  CHECK(named("qwen2").split == pre_tokenizer::qwen2);
  CHECK(named("qwen2").nfc);
  CHECK(named("gpt-2").split == pre_tokenizer::gpt2);
  CHECK(named("llama-bpe").split == pre_tokenizer::llama3);
  CHECK(named("llama-bpe").ignore_merges);
  CHECK(read(replaced("tokenizer.ggml.pre"))->split == pre_tokenizer::gpt2);
}

TEST_CASE("BOS and EOS go around a text where the file says so") {
  auto writer = replaced("tokenizer.ggml.add_bos_token");
  writer.flag("tokenizer.ggml.add_bos_token", true).flag("tokenizer.ggml.add_eos_token", true);
  const auto spec = read(writer);
  REQUIRE(spec);
  CHECK(spec->prefix == std::vector<token_id>{1});
  CHECK(spec->suffix == std::vector<token_id>{2});
}

TEST_CASE("unused tokens are holes and -1 is no token") {
  auto writer = replaced("tokenizer.ggml.token_type");
  std::vector<std::int32_t> types(40, 1);
  types[39] = 5;
  writer.i32s("tokenizer.ggml.token_type", types)
      .u32("tokenizer.ggml.padding_token_id", 0xFFFFFFFFU);
  const auto spec = read(writer);
  REQUIRE(spec);
  CHECK(spec->tokens[39].empty());
  CHECK_FALSE(spec->padding);
}

TEST_CASE("other tokenizers and contradictions are refused by name") {
  CHECK(refusal(replaced("tokenizer.ggml.model").text("tokenizer.ggml.model", "llama")) ==
        "tokenizer model 'llama'; troupe reads gpt2 (byte-level BPE)");
  CHECK(refusal(replaced("tokenizer.ggml.pre").text("tokenizer.ggml.pre", "tekken"))
            .starts_with("tokenizer.ggml.pre 'tekken'"));
  CHECK(refusal(replaced("tokenizer.ggml.tokens")) ==
        "metadata 'tokenizer.ggml.tokens' is missing");
  CHECK(refusal(replaced("tokenizer.ggml.merges")) ==
        "metadata 'tokenizer.ggml.merges' is missing");
  const std::array<std::int32_t, 2> two = {1, 1};
  CHECK(refusal(replaced("tokenizer.ggml.token_type").i32s("tokenizer.ggml.token_type", two)) ==
        "tokenizer.ggml.token_type has 2 entries for 40 tokens");
  CHECK(refusal(replaced("tokenizer.ggml.eos_token_id").u32("tokenizer.ggml.eos_token_id", 40)) ==
        "tokenizer.ggml.eos_token_id is 40, but there are 40 tokens");
  for (const std::string merge : {"a", "a b c", " b", "a ", ""}) {
    const std::array<std::string, 1> merges = {merge};
    CHECK(refusal(replaced("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", merges)) ==
          "merge 0 ('" + merge + "') is not two tokens");
  }
}

}  // namespace
}  // namespace troupe
