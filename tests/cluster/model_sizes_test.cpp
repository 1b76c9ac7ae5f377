#include "cluster/model_sizes.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/cluster/cluster_support.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

TEST_CASE("embedding and head count where they live, and once where they are one") {
  model_sizes sizes = even_model(4, 10, 5, 8, 2);
  sizes.embedding_bytes = 100 * mib;
  sizes.head_bytes = 60 * mib;
  CHECK(sizes.stage_bytes({0, 4}) == 200 * mib);
  CHECK(sizes.stage_bytes({0, 1}) == 110 * mib);
  CHECK(sizes.stage_bytes({1, 3}) == 20 * mib);
  CHECK(sizes.stage_bytes({3, 4}) == 70 * mib);
  CHECK(sizes.expert_bytes(all_experts(sizes, {1, 3})) == 80 * mib);
  CHECK(sizes.total_bytes() == 360 * mib);
  sizes.shared_head = true;
  CHECK(sizes.stage_bytes({0, 4}) == 140 * mib);
  CHECK(sizes.stage_bytes({0, 1}) == 110 * mib);
  CHECK(sizes.stage_bytes({3, 4}) == 70 * mib);
}

TEST_CASE("a row costs what its arithmetic reads") {
  model_sizes sizes = even_model(2, 10, 5, 8, 2);
  sizes.embedding_bytes = 100 * mib;
  sizes.head_bytes = 60 * mib;
  CHECK(sizes.attention_cost(0) == doctest::Approx(10.0 * mib));
  CHECK(sizes.attention_cost(1) == doctest::Approx(70.0 * mib));
  CHECK(sizes.expert_cost(0) == doctest::Approx(10.0 * mib));
}

TEST_CASE("a model's sizes add up to its matrices and vectors") {
  const temporary_directory folder;
  const auto path = folder.path() / "tiny.gguf";
  tiny_qwen3moe_gguf().write(path);
  const auto files = model_files::open(path);
  REQUIRE(files);
  const model_sizes sizes = sizes_of(**files);
  REQUIRE(sizes.layers.size() == 2);
  const model_config& config = (*files)->config();
  std::size_t stored = 0;
  for (const tensor_listing& t : (*files)->tensors()) stored += t.bytes;
  CHECK(sizes.total_bytes() == stored);
  CHECK(sizes.layers[0].experts == config.experts);
  CHECK(sizes.layers[0].chosen == config.top_k);
  CHECK(sizes.layers[0].expert_bytes ==
        std::size_t{3} * config.hidden * config.expert_intermediate * sizeof(float));
  CHECK_FALSE(sizes.shared_head);
}

TEST_CASE("packed matrices count as they lie in memory") {
  const temporary_directory folder;
  const auto path = folder.path() / "tiny.gguf";
  tiny_llama_gguf().write(path);
  const auto files = model_files::open(path);
  REQUIRE(files);
  const model_sizes plain = sizes_of(**files);
  const model_sizes packed =
      sizes_of(**files, [](const kernels::matrix& w) { return 2 * w.bytes(); });
  CHECK(plain.shared_head);
  CHECK_FALSE(packed.shared_head);  // the embedding is looked up in the file, the head is a copy
  CHECK(packed.embedding_bytes == plain.embedding_bytes);
  CHECK(packed.layers[0].expert_bytes == 2 * plain.layers[0].expert_bytes);
  CHECK(packed.total_bytes() > plain.total_bytes());
}

TEST_CASE("bytes are shown in the unit that suits them") {
  CHECK(show_bytes(12) == "12 bytes");
  CHECK(show_bytes(96 * 1024) == "96.0 KiB");
  CHECK(show_bytes(512 * mib) == "512.0 MiB");
  CHECK(show_bytes(1280 * mib) == "1.25 GiB");
}

}  // namespace
}  // namespace troupe::test
