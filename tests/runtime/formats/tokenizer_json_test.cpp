#include "runtime/formats/tokenizer_json.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace troupe {
namespace {

namespace json = boost::json;

/// A small tokenizer.json; tests replace members.
json::object small() {
  return json::parse(R"({
    "added_tokens": [
      {"id": 4, "content": "<s>", "special": true, "normalized": false},
      {"id": 6, "content": "<think>", "special": false, "normalized": false, "lstrip": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "unk_token": "a", "ignore_merges": true,
      "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]}})")
      .get_object();
}

json::object with(std::string_view key, std::string_view value) {
  json::object file = small();
  file[key] = json::parse(value);
  return file;
}

json::object with_model(std::string_view key, std::string_view value) {
  json::object file = small();
  file["model"].get_object()[key] = json::parse(value);
  return file;
}

std::string refusal(const json::object& file) {
  const auto spec = read_tokenizer_json(file);
  return spec ? "" : spec.error().message();
}

json::object split_by(std::string_view regex, std::string_view rest = "") {
  json::object file = with("pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  auto& parts = file["pre_tokenizer"].get_object()["pretokenizers"].get_array();
  parts[0].get_object()["pattern"].get_object()["Regex"] = regex;
  if (!rest.empty()) parts[0].get_object()["behavior"] = rest;
  return file;
}

constexpr const char* qwen =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* llama =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST_CASE("vocabulary, merges and added tokens are read") {
  const auto spec = read_tokenizer_json(small());
  REQUIRE(spec);
  CHECK(spec->tokens == std::vector<std::string>{"a", "b", "c", "ab", "<s>", "", "<think>"});
  CHECK(spec->merges.size() == 1);
  CHECK(spec->unknown == 0);
  CHECK(spec->ignore_merges);
  REQUIRE(spec->added.size() == 2);
  CHECK(spec->added[0].special);
  CHECK_FALSE(spec->added[0].normalized);
  CHECK(spec->added[1].lstrip);
  CHECK(spec->split == pre_tokenizer::gpt2);
  CHECK_FALSE(spec->nfc);
}

TEST_CASE("merges may be pairs") {
  const auto spec = read_tokenizer_json(with_model("merges", R"([["a", "b"]])"));
  REQUIRE(spec);
  CHECK(spec->merges[0] == std::pair<std::string, std::string>("a", "b"));
}

TEST_CASE("the known ways of splitting are recognised") {
  CHECK(read_tokenizer_json(split_by(qwen))->split == pre_tokenizer::qwen2);
  CHECK(read_tokenizer_json(split_by(llama))->split == pre_tokenizer::llama3);
  const auto smollm = read_tokenizer_json(with("pre_tokenizer", R"({"type": "Sequence",
      "pretokenizers": [{"type": "Digits", "individual_digits": true},
                        {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})"));
  REQUIRE(smollm);
  CHECK(smollm->split == pre_tokenizer::smollm);
  CHECK_FALSE(smollm->add_prefix_space);
  const auto plain = read_tokenizer_json(with("pre_tokenizer", R"({"type": "ByteLevel"})"));
  CHECK(plain->split == pre_tokenizer::gpt2);
  CHECK(plain->add_prefix_space);
}

TEST_CASE("NFC is read alone and in a sequence") {
  CHECK(read_tokenizer_json(with("normalizer", R"({"type": "NFC"})"))->nfc);
  CHECK(read_tokenizer_json(
            with("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "NFC"}]})"))
            ->nfc);
  CHECK_FALSE(
      read_tokenizer_json(with("normalizer", R"({"type": "Sequence", "normalizers": []})"))->nfc);
}

TEST_CASE("a template puts tokens around the text") {
  const auto spec = read_tokenizer_json(with("post_processor", R"({"type": "Sequence",
      "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                   {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "<think>", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]},
                           "<think>": {"id": "<think>", "ids": [6, 4], "tokens": []}}}]})"));
  REQUIRE(spec);
  CHECK(spec->prefix == std::vector<token_id>{4});
  CHECK(spec->suffix == std::vector<token_id>{6, 4});
}

TEST_CASE("unsupported kinds are named") {
  CHECK(refusal(with_model("type", R"("Unigram")")) ==
        "tokenizer.json: model 'Unigram'; troupe has byte-level BPE");
  CHECK(refusal(with_model("byte_fallback", "true")) == "tokenizer.json: BPE with byte_fallback");
  CHECK(refusal(with_model("end_of_word_suffix", R"("</w>")")) ==
        "tokenizer.json: BPE with a subword prefix or suffix");
  CHECK(refusal(with("normalizer", R"({"type": "Lowercase"})")) ==
        "tokenizer.json: normalizer 'Lowercase'; troupe has NFC");
  CHECK(refusal(with("pre_tokenizer", R"({"type": "Metaspace"})"))
            .starts_with("tokenizer.json: pre_tokenizer 'Metaspace'"));
  CHECK(refusal(with("pre_tokenizer", "null")) ==
        "tokenizer.json: a tokenizer without pre_tokenizer");
  CHECK(refusal(split_by("x+")) == "tokenizer.json: pre_tokenizer Split, Isolated, by 'x+'");
  CHECK(refusal(split_by(qwen, "Removed")).starts_with("tokenizer.json: pre_tokenizer Split, Rem"));
  CHECK(refusal(with("post_processor", R"({"type": "BertProcessing"})"))
            .starts_with("tokenizer.json: post_processor 'BertProcessing'"));
  CHECK(refusal(with("decoder", R"({"type": "Metaspace"})")) ==
        "tokenizer.json: decoder 'Metaspace'; troupe has ByteLevel");
}

TEST_CASE("contradictions are refused") {
  CHECK(refusal(with_model("vocab", R"({"a": 0, "b": 0})")) ==
        "tokenizer.json: tokens 'a' and 'b' share the id 0");
  CHECK(refusal(with_model("vocab", R"({"a": -1})")) ==
        "tokenizer.json: token 'a' has no valid id");
  CHECK(refusal(with_model("vocab", R"({"a": 4000000000})")) ==
        "tokenizer.json: token 'a' has the id 4000000000 among 1 tokens");
  CHECK(refusal(with_model("vocab", "{}")) == "tokenizer.json: the model has no 'vocab'");
  CHECK(refusal(with_model("merges", "null")) == "tokenizer.json: the model has no 'merges'");
  CHECK(refusal(with_model("merges", R"(["ab"])")) == "tokenizer.json: merge 0 is not two tokens");
  CHECK(refusal(with_model("merges", R"([["a", 1]])")) ==
        "tokenizer.json: merge 0 is not two tokens");
  CHECK(
      refusal(with("added_tokens", R"([{"id": 4, "content": "x"}, {"id": 4, "content": "y"}])")) ==
      "tokenizer.json: two added tokens share the id 4");
  CHECK(refusal(with("added_tokens", R"([{"id": 4, "content": ""}])")) ==
        "tokenizer.json: added token 4 has no content");
  CHECK(refusal(with("added_tokens", R"([{"content": "x"}])")) ==
        "tokenizer.json: added token: 'id' is missing");
  CHECK(refusal(with("model", "5")) == "tokenizer.json: no 'model'");
  CHECK(refusal(with("post_processor", R"({"type": "TemplateProcessing", "special_tokens": {},
      "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]})")) ==
        "tokenizer.json: post_processor: special token '<s>' is not described");
  CHECK(refusal(with("post_processor", R"({"type": "TemplateProcessing",
      "special_tokens": {"<s>": {"ids": [99]}},
      "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]})")) ==
        "tokenizer.json: post_processor: special token '<s>' has an id outside 0 to 6");
}

}  // namespace
}  // namespace troupe
