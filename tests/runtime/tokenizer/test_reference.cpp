// Exactly what Hugging Face transformers makes of the same texts.
#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/base/mapped_file.hpp"
#include "runtime/formats/gguf_reader.hpp"
#include "runtime/formats/gguf_tokenizer.hpp"
#include "tests/runtime/tokenizer/support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

void check_cases(const tokenizer& tokens, const boost::json::value& cases) {
  for (const auto& one : cases.as_array()) {
    const auto text = boost::json::value_to<std::string>(one.at("text"));
    CAPTURE(text);
    const auto ids = ids_of(one.at("ids"));
    CHECK(tokens.encode(text) == ids);
    if (const auto* decoded = one.as_object().if_contains("decoded"))
      CHECK(tokens.decode(ids) == boost::json::value_to<std::string>(*decoded));
  }
}

TEST_CASE("the tiny models' tokenizers give the reference ids and texts") {
  for (const std::string model :
       {"tiny-qwen3", "tiny-qwen3-moe", "tiny-llama", "tiny-qwen3-yarn", "tiny-qwen3-moe-fp8"}) {
    CAPTURE(model);
    check_cases(*make(tiny_spec(model)), read_json(reference() / ("tokens-" + model + ".json")));
  }
}

TEST_CASE("Qwen's vocabulary gives the reference ids") {
  const auto tokens = qwen();
  if (tokens == nullptr) {
    MESSAGE("skipped: Qwen's vocabulary is not there; run tools/fetch-test-data.sh");
    return;
  }
  check_cases(*tokens, read_json(reference() / "tokens-qwen.json").at("cases"));
}

TEST_CASE("SmolLM2's GGUF file gives the reference ids") {
  const auto path = smollm2();
  if (path.empty()) {
    MESSAGE("skipped: SmolLM2 is not there; run tools/fetch-model.sh");
    return;
  }
  const auto file = mapped_file::open(path);
  REQUIRE(file.has_value());
  const auto gguf = parse_gguf(file->bytes());
  REQUIRE(gguf.has_value());
  const auto spec = read_gguf_tokenizer(gguf->metadata);
  REQUIRE(spec.has_value());
  const auto tokens = make(*spec);
  check_cases(*tokens, read_json(reference() / "tokens-smollm2.json"));

  SUBCASE("a byte that its vocabulary lacks never becomes a control token") {
    CHECK(tokens->encode("\x04\xFF").empty());
  }
}

}  // namespace
}  // namespace troupe::test
