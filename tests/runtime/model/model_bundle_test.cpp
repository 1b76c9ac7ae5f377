#include "runtime/model/model_bundle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "runtime/model/block_store.hpp"
#include "runtime/model/partial_model.hpp"
#include "runtime/model/stage_blocks.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// Far smaller than usual, as the models are.
constexpr std::uint64_t block = 256;

void copy(const model_bundle& from, block_store& to, const std::vector<bool>& wanted) {
  for (std::uint32_t b = 0; b < wanted.size(); ++b) {
    if (!wanted[b] || to.has(b)) continue;
    std::vector<std::byte> bytes(from.map().at(b).bytes);
    REQUIRE(from.read(b, bytes));
    REQUIRE(to.write(b, bytes));
  }
  REQUIRE(to.keep());
}

void same_matrix(const model_files& a, const model_files& b, matrix_slot slot, std::uint32_t layer,
                 std::uint32_t expert) {
  const kernels::matrix x = a.matrix(slot, layer, expert);
  const kernels::matrix y = b.matrix(slot, layer, expert);
  REQUIRE(static_cast<bool>(x) == static_cast<bool>(y));
  if (!x) return;
  REQUIRE(x.bytes() == y.bytes());
  CHECK(std::memcmp(x.data, y.data, x.bytes()) == 0);
  REQUIRE((x.scales == nullptr) == (y.scales == nullptr));
  if (x.scales == nullptr) return;
  const std::size_t scales = std::size_t{(x.rows + 127) / 128} * ((x.cols + 127) / 128);
  CHECK(std::equal(x.scales, x.scales + scales, y.scales));
}

/// All that a stage of these layers reads.
void same_stage(const model_files& a, const model_files& b, std::uint32_t first,
                std::uint32_t last) {
  for (std::uint32_t layer = first; layer < last; ++layer) {
    for (const matrix_slot slot : {matrix_slot::query, matrix_slot::key, matrix_slot::value,
                                   matrix_slot::attention_output, matrix_slot::router})
      same_matrix(a, b, slot, layer, 0);
    for (std::uint32_t e = 0; e < a.config().layer_experts(layer); ++e)
      for (const matrix_slot slot :
           {matrix_slot::expert_gate, matrix_slot::expert_up, matrix_slot::expert_down})
        same_matrix(a, b, slot, layer, e);
    for (const vector_slot slot : {vector_slot::attention_norm, vector_slot::ffn_norm,
                                   vector_slot::query_norm, vector_slot::key_norm})
      CHECK(std::ranges::equal(a.vector(slot, layer), b.vector(slot, layer)));
  }
  CHECK(std::ranges::equal(a.vector(vector_slot::final_norm, 0),
                           b.vector(vector_slot::final_norm, 0)));
  if (first == 0) same_matrix(a, b, matrix_slot::token_embedding, 0, 0);
  if (last == a.config().layers) same_matrix(a, b, matrix_slot::head, 0, 0);
}

/// A model of which only a stage's blocks are there has that stage, and is the same model.
void check_stages(const fs::path& path) {
  const auto whole = model_files::open(path);
  REQUIRE_MESSAGE(whole, (whole ? "" : whole.error().message()));
  const auto bundle = model_bundle::open(path, block);
  REQUIRE_MESSAGE(bundle, (bundle ? "" : bundle.error().message()));
  const std::uint32_t layers = (*whole)->config().layers;
  for (std::uint32_t first = 0; first < layers; ++first) {
    const test::temporary_directory folder;
    auto store = block_store::open(folder.path(), "00", (*bundle)->map());
    REQUIRE(store);
    copy(**bundle, **store, (*bundle)->opening());
    const auto part = open_partial((*store)->model((*bundle)->is_folder()), (*whole)->identity());
    REQUIRE_MESSAGE(part, (part ? "" : part.error().message()));
    CHECK((*part)->identity() == (*whole)->identity());
    std::vector<bool> wanted((*store)->map().blocks());
    mark_stage(**part, (*store)->map(), first, first + 1, true, wanted);
    copy(**bundle, **store, wanted);
    same_stage(**whole, **part, first, first + 1);
    std::uint32_t missing = 0;
    for (std::uint32_t b = 0; b < (*store)->map().blocks(); ++b) missing += !(*store)->has(b);
    CHECK(missing > 0);
  }
}

TEST_CASE("a stage's blocks and those that opening reads are all that a stage needs") {
  for (const char* name : {"tiny-llama", "tiny-qwen3", "tiny-qwen3-moe", "tiny-qwen3-moe-fp8"}) {
    CAPTURE(name);
    check_stages(test::reference() / "models" / name);
  }
}

TEST_CASE("the same of GGUF files") {
  const test::temporary_directory folder;
  test::tiny_llama_gguf().write(folder.path() / "dense.gguf");
  test::tiny_qwen3moe_gguf().write(folder.path() / "sparse.gguf");
  check_stages(folder.path() / "dense.gguf");
  check_stages(folder.path() / "sparse.gguf");
}

TEST_CASE("what is not there, or no model, cannot be given") {
  const test::temporary_directory folder;
  CHECK_FALSE(model_bundle::open(folder.path()));
  CHECK_FALSE(model_bundle::open(folder.path() / "none.gguf"));
  lazy_bundle later(folder.path() / "late.gguf");
  CHECK_FALSE(later.get());
  test::tiny_llama_gguf().write(folder.path() / "late.gguf");
  const auto opened = later.get();
  REQUIRE(opened);
  CHECK(later.get().value() == *opened);
}

}  // namespace
}  // namespace troupe
