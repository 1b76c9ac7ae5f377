#include "tests/runtime/sampling/vocabulary.hpp"

#include <doctest/doctest.h>

#include "runtime/model/model_files.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {

const std::shared_ptr<const tokenizer>& tiny_tokenizer() {
  static const std::shared_ptr<const tokenizer> tokens = [] {
    const auto files = model_files::open(reference() / "models" / "tiny-qwen3");
    REQUIRE(files);
    auto made = tokenizer::create((*files)->tokenizer());
    REQUIRE(made);
    return *made;
  }();
  return tokens;
}

std::string tag_of(const std::string& format) {
  return R"({"type":"structural_tag","format":)" + format + "}";
}

std::shared_ptr<const compiled_structure> compiled(const std::string& format) {
  static const structure_compiler compiler(*tiny_tokenizer(), tiny_vocab, {tiny_end});
  auto made = compiler.compile(tag_of(format));
  if (!made) FAIL(made.error().message());
  return *made;
}

}  // namespace troupe::test
