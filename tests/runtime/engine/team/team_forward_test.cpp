#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/runtime/engine/forward_harness.hpp"
#include "tests/runtime/engine/team/teams.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = 48;

/// Wide enough that four ranks have a share of everything.
constexpr tiny_shape wide{.hidden = 128,
                          .head = 16,
                          .heads = 8,
                          .kv_heads = 4,
                          .ffn = 256,
                          .expert_ffn = 128,
                          .q8_0 = false};
/// Shares that are not even: 5 units of 32 of the hidden width, 3 of the inner ones.
constexpr tiny_shape odd{.hidden = 160,
                         .head = 32,
                         .heads = 4,
                         .kv_heads = 2,
                         .ffn = 96,
                         .expert_ffn = 96,
                         .q8_0 = true};

/// Logits of all positions of a prompt, then of one token more.
std::vector<float> logits(std::unique_ptr<model_files> files, std::shared_ptr<device> on) {
  std::vector<token_id> tokens(37);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<token_id>(i * 7 % 40);
  forward_harness harness(std::move(files), activation_mode::automatic, kernels::kv_type::f16,
                          most_rows, std::move(on));
  std::vector<float> out = harness.logits(tokens);
  const std::vector<float> one = harness.logits({5});
  out.insert(out.end(), one.begin(), one.end());
  return out;
}

std::unique_ptr<model_files> opened(const std::filesystem::path& path) {
  auto files = model_files::open(path);
  REQUIRE(files.has_value());
  return std::move(*files);
}

std::vector<float> logits(const gguf_writer& model, std::shared_ptr<device> on) {
  const temporary_directory folder;
  const auto path = folder.path() / "tiny.gguf";
  model.write(path);
  return logits(opened(path), std::move(on));
}

std::shared_ptr<device> processors() {
  return std::make_shared<cpu_device>(processor_use{.threads = 2, .pin = false});
}

tiny_shape integers(tiny_shape shape) {
  shape.q8_0 = true;
  return shape;
}

}  // namespace

TEST_CASE("models that two ranks share have the bits of one rank") {
  for (const gguf_writer& model :
       {tiny_llama_gguf(), tiny_qwen3moe_gguf(), tiny_llama_gguf(wide), tiny_qwen3moe_gguf(wide),
        tiny_llama_gguf(integers(wide)), tiny_qwen3moe_gguf(odd)}) {
    CHECK(logits(model, team_of_gpus(2).team) ==
          logits(model, std::make_shared<emulated_device>()));
    CHECK(logits(model, team_of_processors(2).team) == logits(model, processors()));
  }
}

TEST_CASE("models that four ranks share have the bits of one rank") {
  for (const gguf_writer& model :
       {tiny_llama_gguf(wide), tiny_qwen3moe_gguf(wide), tiny_qwen3moe_gguf(integers(wide))}) {
    CHECK(logits(model, team_of_gpus(4).team) ==
          logits(model, std::make_shared<emulated_device>()));
    CHECK(logits(model, team_of_processors(4).team) == logits(model, processors()));
  }
}

TEST_CASE("models of BF16 and of FP8, whose blocks of scales do not all divide") {
  for (const std::string name : {"tiny-qwen3-moe", "tiny-qwen3-moe-fp8"}) {
    CAPTURE(name);
    const auto path = reference() / "models" / name;
    CHECK(logits(opened(path), team_of_gpus(2).team) ==
          logits(opened(path), std::make_shared<emulated_device>()));
    CHECK(logits(opened(path), team_of_processors(2).team) == logits(opened(path), processors()));
  }
}

TEST_CASE("three ranks share SmolLM2, whose query heads are no even part of its rows' units") {
  const auto path = smollm2();
  if (path.empty()) {
    MESSAGE("skipped: SmolLM2 is not here; tools/fetch-model.sh gets it");
    return;
  }
  CHECK(logits(opened(path), team_of_processors(3).team) == logits(opened(path), processors()));
}

TEST_CASE("a rank packs its share of the weights and no more") {
  const auto packed = [](const tiny_shape& shape, device& d) {
    const temporary_directory folder;
    const auto path = folder.path() / "tiny.gguf";
    tiny_qwen3moe_gguf(shape).write(path);
    const auto files = opened(path);
    std::vector<kernels::matrix> weights;
    for (const matrix_slot slot :
         {matrix_slot::query, matrix_slot::key, matrix_slot::value, matrix_slot::attention_output,
          matrix_slot::expert_gate, matrix_slot::expert_up, matrix_slot::expert_down})
      weights.push_back(files->matrix(slot, 0, 0));
    packed_weights all(d, *files, activation_mode::automatic, {true, nullptr});
    for (kernels::matrix& w : weights) all.add(w);
    all.pack();
    std::promise<void> passed;
    d.notify([&] { passed.set_value(); });
    REQUIRE(passed.get_future().wait_for(patient) == std::future_status::ready);
    return all.bytes();
  };
  emulated_device gpu;
  CHECK(packed(wide, *team_of_gpus(2).team) * 2 == packed(wide, gpu));
  CHECK(packed(wide, *team_of_gpus(4).team) * 4 == packed(wide, gpu));
  CHECK(packed(integers(wide), *team_of_processors(2).team) * 2 ==
        packed(integers(wide), *processors()));
}

}  // namespace troupe::test
