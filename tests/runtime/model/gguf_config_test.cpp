#include "runtime/model/gguf_config.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <string>

#include "runtime/formats/gguf_tokenizer.hpp"
#include "tests/support/gguf_models.hpp"

namespace troupe {
namespace {

using test::gguf_writer;

result<model_config> read(const gguf_writer& writer) {
  const std::string bytes = writer.build();
  const auto file = parse_gguf(test::as_bytes(bytes));
  REQUIRE(file);
  const auto tokenizer = read_gguf_tokenizer(file->metadata);
  REQUIRE(tokenizer);
  return read_gguf_config(*file, *tokenizer);
}

std::string refusal(const gguf_writer& writer) {
  const auto config = read(writer);
  return config ? "" : config.error().message();
}

gguf_writer llama_with(std::string_view key, std::uint32_t value) {
  return test::tiny_llama_gguf().without_key(key).u32(key, value);
}

TEST_CASE("a llama's metadata becomes its configuration") {
  const auto c = read(test::tiny_llama_gguf());
  REQUIRE_MESSAGE(c, (c ? "" : c.error().message()));
  CHECK(c->arch == architecture::llama);
  CHECK(c->layers == 2);
  CHECK(c->hidden == 32);
  CHECK(c->heads == 4);
  CHECK(c->kv_heads == 2);
  CHECK(c->head_dim == 8);
  CHECK(c->dense_intermediate == 64);
  CHECK(c->experts == 0);
  CHECK(c->vocab == 40);
  CHECK(c->tied_head);
  CHECK_FALSE(c->qk_norm);
  CHECK(c->rope.pairing == kernels::rope_pairing::neighbours);
  CHECK(c->rope.inv_freq.size() == 4);
  CHECK(c->eos == std::vector<token_id>{2});
}

TEST_CASE("a mixture of experts is sparse where it has a router") {
  const auto c = read(test::tiny_qwen3moe_gguf());
  REQUIRE_MESSAGE(c, (c ? "" : c.error().message()));
  CHECK(c->arch == architecture::qwen3_moe);
  CHECK(c->sparse == std::vector<bool>{true, true});
  CHECK(c->experts == 4);
  CHECK(c->top_k == 2);
  CHECK(c->expert_intermediate == 32);
  CHECK(c->qk_norm);
  CHECK_FALSE(c->tied_head);
  CHECK(c->rope.pairing == kernels::rope_pairing::halves);
}

TEST_CASE("rotary scaling and factors are applied") {
  const auto plain = read(test::tiny_llama_gguf());
  auto linear = test::tiny_llama_gguf();
  linear.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 2);
  CHECK(read(linear)->rope.inv_freq[1] == plain->rope.inv_freq[1] / 2);
  auto yarn = test::tiny_llama_gguf();
  yarn.text("llama.rope.scaling.type", "yarn")
      .f32("llama.rope.scaling.factor", 4)
      .u32("llama.rope.scaling.original_context_length", 256);
  CHECK(read(yarn)->context == 1024);
  CHECK(read(yarn)->rope.scale == doctest::Approx(1 + 0.1 * std::log(4.0)));
  auto factors = test::tiny_llama_gguf();
  constexpr std::array<float, 4> by = {1, 2, 4, 8};
  factors.f32_tensor("rope_freqs.weight", {4}, by);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(read(factors)->rope.inv_freq[i] == plain->rope.inv_freq[i] / by[i]);
  auto longrope = test::tiny_llama_gguf();
  longrope.text("llama.rope.scaling.type", "longrope");
  CHECK(refusal(longrope) == "rope.scaling.type 'longrope'; troupe has none, linear and yarn");
  auto partial = test::tiny_llama_gguf();
  partial.u32("llama.rope.dimension_count", 4);
  CHECK(read(partial)->rope.inv_freq.size() == 2);
}

TEST_CASE("the end of a turn is found under all its names") {
  auto writer = test::tiny_llama_gguf();
  writer.without_key("tokenizer.ggml.eos_token_id")
      .u32("tokenizer.ggml.eos_token_id", 0)
      .u32("tokenizer.ggml.eot_token_id", 1);
  CHECK(read(writer)->eos == std::vector<token_id>{0, 1, 2});
}

TEST_CASE("sampling defaults are read where there are any") {
  auto writer = test::tiny_llama_gguf();
  writer.f32("general.sampling.temp", 0.5F).u32("general.sampling.top_k", 20);
  const std::string bytes = writer.build();
  const auto file = parse_gguf(test::as_bytes(bytes));
  REQUIRE(file);
  const auto defaults = read_gguf_defaults(file->metadata);
  REQUIRE(defaults);
  CHECK(defaults->temperature == 0.5F);
  CHECK(defaults->top_k == 20);
  CHECK_FALSE(defaults->top_p);
}

TEST_CASE("what troupe does not have is refused by name") {
  CHECK(refusal(test::tiny_llama_gguf()
                    .without_key("general.architecture")
                    .text("general.architecture", "mamba")) ==
        "architecture 'mamba'; troupe has llama, qwen3 and qwen3moe");
  CHECK(refusal(llama_with("llama.attention.value_length", 16)) == "values of 16 beside keys of 8");
  CHECK(refusal(llama_with("llama.attention.sliding_window", 16)) ==
        "sliding-window attention (16 positions)");
  CHECK(refusal(llama_with("llama.expert_count", 8)) == "experts in the architecture 'llama'");
}

TEST_CASE("missing and impossible values are refused by name") {
  CHECK(refusal(test::tiny_llama_gguf().without_key("llama.block_count")) ==
        "metadata 'llama.block_count' is missing");
  CHECK(refusal(test::tiny_llama_gguf().without_key("general.architecture")) ==
        "metadata 'general.architecture' is missing");
  CHECK(refusal(test::tiny_llama_gguf().without_tensor("token_embd.weight")) ==
        "tensor 'token_embd.weight' is missing");
  CHECK(refusal(test::tiny_llama_gguf().without_key("llama.attention.layer_norm_rms_epsilon"))
            .starts_with("the norm's epsilon is"));
  CHECK(refusal(llama_with("llama.block_count", 4000000000U)) ==
        "4000000000 layers, but only 20 tensors");
  CHECK(refusal(llama_with("llama.attention.head_count", 0))
            .starts_with("the number of attention heads is 0"));
  CHECK(refusal(llama_with("llama.attention.head_count_kv", 3)) ==
        "4 attention heads are not a multiple of 3 key-value heads");
  CHECK(refusal(llama_with("llama.rope.dimension_count", 10)) ==
        "10 rotated dimensions of a head of 8");
  CHECK(refusal(llama_with("llama.context_length", 0)).starts_with("the context length is 0"));
  CHECK(
      refusal(
          test::tiny_llama_gguf().without_key("llama.block_count").text("llama.block_count", "two"))
          .starts_with("metadata 'llama.block_count' is a string"));
}

}  // namespace
}  // namespace troupe
