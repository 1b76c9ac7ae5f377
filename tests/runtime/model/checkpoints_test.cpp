#include <doctest/doctest.h>

#include <string>

#include "runtime/model/model_files.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

std::unique_ptr<model_files> open(const std::string& name) {
  auto model = model_files::open(test::reference() / "models" / name);
  REQUIRE_MESSAGE(model, (model ? "" : model.error().message()));
  return std::move(*model);
}

/// Every slot of every layer has the extent that the configuration calls for.
void check_weights(const model_files& model) {
  const model_config& c = model.config();
  const auto expect = [&](matrix_slot slot, std::uint32_t layer, std::uint32_t expert,
                          std::uint32_t rows, std::uint32_t cols) {
    const kernels::matrix m = model.matrix(slot, layer, expert);
    REQUIRE(m);
    CHECK(m.rows == rows);
    CHECK(m.cols == cols);
  };
  expect(matrix_slot::token_embedding, 0, 0, c.vocab, c.hidden);
  expect(matrix_slot::head, 0, 0, c.vocab, c.hidden);
  CHECK(model.vector(vector_slot::final_norm, 0).size() == c.hidden);
  for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
    expect(matrix_slot::query, layer, 0, c.heads * c.head_dim, c.hidden);
    expect(matrix_slot::key, layer, 0, c.kv_heads * c.head_dim, c.hidden);
    expect(matrix_slot::value, layer, 0, c.kv_heads * c.head_dim, c.hidden);
    expect(matrix_slot::attention_output, layer, 0, c.hidden, c.heads * c.head_dim);
    for (std::uint32_t expert = 0; expert < c.layer_experts(layer); ++expert) {
      expect(matrix_slot::expert_gate, layer, expert, c.layer_intermediate(layer), c.hidden);
      expect(matrix_slot::expert_up, layer, expert, c.layer_intermediate(layer), c.hidden);
      expect(matrix_slot::expert_down, layer, expert, c.hidden, c.layer_intermediate(layer));
    }
    CHECK_FALSE(model.matrix(matrix_slot::expert_up, layer, c.layer_experts(layer)));
    CHECK(static_cast<bool>(model.matrix(matrix_slot::router, layer, 0)) == c.is_sparse(layer));
    CHECK(model.vector(vector_slot::attention_norm, layer).size() == c.hidden);
    CHECK(model.vector(vector_slot::ffn_norm, layer).size() == c.hidden);
    CHECK(model.vector(vector_slot::query_norm, layer).size() == (c.qk_norm ? c.head_dim : 0));
    CHECK(model.vector(vector_slot::key_norm, layer).size() == (c.qk_norm ? c.head_dim : 0));
    CHECK(model.vector(vector_slot::query_bias, layer).empty());
  }
  CHECK_FALSE(model.matrix(matrix_slot::query, c.layers, 0));
  CHECK(model.vector(vector_slot::ffn_norm, c.layers).empty());
}

TEST_CASE("the llama checkpoint opens") {
  const auto model = open("tiny-llama");
  const model_config& c = model->config();
  CHECK(c.arch == architecture::llama);
  CHECK(c.layers == 4);
  CHECK(c.hidden == 64);
  CHECK(c.heads == 8);
  CHECK(c.kv_heads == 2);
  CHECK(c.head_dim == 8);
  CHECK(c.dense_intermediate == 192);
  CHECK(c.vocab == 709);
  CHECK(c.context == 4096);
  CHECK(c.norm_eps == 1e-6F);
  CHECK_FALSE(c.tied_head);
  CHECK_FALSE(c.qk_norm);
  CHECK(c.rope.pairing == kernels::rope_pairing::halves);
  CHECK(c.eos == std::vector<token_id>{702});
  CHECK(model->name() == "tiny-llama");
  CHECK(model->format() == "safetensors, 1 file");
  CHECK(model->tensors().size() == 39);
  CHECK(model->matrix(matrix_slot::query, 0, 0).type == kernels::dtype::f32);
  check_weights(*model);
}

TEST_CASE("the qwen3 checkpoint opens with a tied head") {
  const auto model = open("tiny-qwen3");
  CHECK(model->config().arch == architecture::qwen3);
  CHECK(model->config().tied_head);
  CHECK(model->config().qk_norm);
  CHECK(model->matrix(matrix_slot::head, 0, 0).data ==
        model->matrix(matrix_slot::token_embedding, 0, 0).data);
  CHECK(model->matrix(matrix_slot::query, 0, 0).type == kernels::dtype::bf16);
  check_weights(*model);
}

TEST_CASE("the mixture-of-experts checkpoint opens from 12 files with a dense layer") {
  const auto model = open("tiny-qwen3-moe");
  const model_config& c = model->config();
  CHECK(c.arch == architecture::qwen3_moe);
  CHECK(c.sparse == std::vector<bool>{true, false, true, true});
  CHECK(c.experts == 16);
  CHECK(c.top_k == 4);
  CHECK(c.normalise_top_k);
  CHECK(c.expert_intermediate == 48);
  CHECK(model->format() == "safetensors, 12 files");
  check_weights(*model);
}

TEST_CASE("the FP8 checkpoint has scales where, and only where, it has FP8") {
  const auto model = open("tiny-qwen3-moe-fp8");
  check_weights(*model);
  const kernels::matrix gate = model->matrix(matrix_slot::expert_gate, 1, 3);
  CHECK(gate.type == kernels::dtype::f8_e4m3);
  CHECK(gate.scales != nullptr);
  CHECK(model->matrix(matrix_slot::router, 1, 0).scales == nullptr);
}

TEST_CASE("the YaRN checkpoint's context is its stretched one") {
  const auto model = open("tiny-qwen3-yarn");
  CHECK(model->config().context == 256);
  CHECK(model->config().rope.scale == doctest::Approx(1.1386294361119891));
  check_weights(*model);
}

TEST_CASE("tokenizer and template come with a checkpoint") {
  const auto model = open("tiny-qwen3");
  const tokenizer_spec& spec = model->tokenizer();
  CHECK(spec.tokens.size() == 709);
  CHECK(spec.merges.size() == 444);
  CHECK(spec.added.size() == 9);
  CHECK(spec.split == pre_tokenizer::qwen2);
  CHECK(spec.nfc);
  CHECK(spec.eos == 702);
  CHECK(spec.padding == 700);
  CHECK(spec.prefix.empty());
  CHECK(model->chat_template().find("<|im_start|>") != std::string::npos);
}

TEST_CASE("SmolLM2's GGUF file opens") {
  if (test::smollm2().empty()) {
    MESSAGE("skipped: the SmolLM2 file has not been fetched");
    return;
  }
  const auto opened = model_files::open(test::smollm2());
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message()));
  const model_files& model = **opened;
  const model_config& c = model.config();
  CHECK(c.arch == architecture::llama);
  CHECK(c.layers == 30);
  CHECK(c.hidden == 576);
  CHECK(c.heads == 9);
  CHECK(c.kv_heads == 3);
  CHECK(c.head_dim == 64);
  CHECK(c.dense_intermediate == 1536);
  CHECK(c.vocab == 49152);
  CHECK(c.context == 8192);
  CHECK(c.norm_eps == doctest::Approx(1e-5));
  CHECK(c.tied_head);
  CHECK(c.rope.pairing == kernels::rope_pairing::neighbours);
  CHECK(c.rope.inv_freq.size() == 32);
  CHECK(c.eos == std::vector<token_id>{2});
  CHECK(model.format() == "GGUF v3");
  CHECK(model.tensors().size() == 272);
  CHECK(model.matrix(matrix_slot::token_embedding, 0, 0).type == kernels::dtype::q8_0);
  CHECK(model.matrix(matrix_slot::expert_down, 7, 0).type == kernels::dtype::q4_1);
  const tokenizer_spec& spec = model.tokenizer();
  CHECK(spec.tokens.size() == 49152);
  CHECK(spec.merges.size() == 48900);
  CHECK(spec.added.size() == 17);
  CHECK(spec.split == pre_tokenizer::smollm);
  CHECK(spec.bos == 1);
  CHECK(spec.prefix.empty());
  CHECK(model.chat_template().starts_with("{% for message in messages %}"));
  check_weights(model);
}

}  // namespace
}  // namespace troupe
