#include "runtime/model/quantization.hpp"

#include <doctest/doctest.h>

#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

std::string_view of(const std::filesystem::path& path) {
  const auto files = model_files::open(path);
  REQUIRE(files);
  return quantization_of(**files);
}

TEST_CASE("what most weights are stored as has a word") {
  const auto models = test::reference() / "models";
  CHECK(of(models / "tiny-qwen3-moe-fp8") == "fp8");
  CHECK(of(models / "tiny-qwen3-moe") == "bf16");
  const test::temporary_directory folder;
  test::tiny_llama_gguf().write(folder.path() / "m.gguf");
  CHECK(of(folder.path() / "m.gguf") == "fp32");
  if (const auto small = test::smollm2(); !small.empty()) CHECK(of(small) == "int4");
}

}  // namespace
}  // namespace troupe
