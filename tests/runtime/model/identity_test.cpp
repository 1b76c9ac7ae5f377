#include "runtime/model/identity.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/model/model_files.hpp"
#include "runtime/model/sha256.hpp"
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

TEST_CASE("SHA-256 is SHA-256") {
  sha256 hash;
  hash.add(test::as_bytes("abc"));
  CHECK(hash.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("texts do not run into each other") {
  sha256 one;
  one.add("ab");
  one.add("c");
  sha256 other;
  other.add("a");
  other.add("bc");
  CHECK(one.finish() != other.finish());
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
