#include "runtime/model/identity.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/model/model_files.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

std::string identity(const test::gguf_writer& writer) {
  const test::temporary_directory folder;
  writer.write(folder.path() / "m.gguf");
  const auto model = model_files::open(folder.path() / "m.gguf");
  REQUIRE(model);
  return (*model)->identity();
}

TEST_CASE("the identity is the same wherever the file lies") {
  CHECK(identity(test::tiny_llama_gguf()) == identity(test::tiny_llama_gguf()));
  CHECK(identity(test::tiny_llama_gguf()).size() == 64);
}

TEST_CASE("other weights or another configuration give another identity") {
  const std::string original = identity(test::tiny_llama_gguf());
  auto weights = test::tiny_llama_gguf().without_tensor("blk.1.ffn_down.weight");
  weights.f32_tensor("blk.1.ffn_down.weight", {32, 64}, std::vector<float>(32 * 64, 1.0F));
  CHECK(identity(weights) != original);
  auto rope = test::tiny_llama_gguf().without_key("llama.rope.freq_base");
  rope.f32("llama.rope.freq_base", 20000);
  CHECK(identity(rope) != original);
}

}  // namespace
}  // namespace troupe
