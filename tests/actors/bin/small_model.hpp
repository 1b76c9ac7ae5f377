#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/model/model_files.hpp"

namespace troupe::test {

/// Two layers, the second with 8 experts of which a token meets 2.
class small_model : public model_files {
 public:
  small_model() {
    config_.arch = architecture::qwen3_moe;
    config_.layers = 2;
    config_.hidden = 64;
    config_.heads = 4;
    config_.kv_heads = 2;
    config_.head_dim = 16;
    config_.dense_intermediate = 128;
    config_.expert_intermediate = 32;
    config_.experts = 8;
    config_.top_k = 2;
    config_.sparse = {false, true};
    config_.context = 4096;
    config_.eos = {256};
    tokens_.tokens.resize(300);
  }
  [[nodiscard]] const model_config& config() const override { return config_; }
  [[nodiscard]] kernels::matrix matrix(matrix_slot, std::uint32_t, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] std::span<const float> vector(vector_slot, std::uint32_t) const override {
    return {};
  }
  [[nodiscard]] const tokenizer_spec& tokenizer() const override { return tokens_; }
  [[nodiscard]] const std::string& chat_template() const override { return empty_; }
  [[nodiscard]] const generation_defaults& defaults() const override { return defaults_; }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::string format() const override { return "safetensors, 1 file"; }
  [[nodiscard]] std::vector<tensor_listing> tensors() const override {
    return {{"experts.weight", kernels::dtype::bf16, {8, 3, 32, 64}, 98'304},
            {"experts.weight_scale_inv", kernels::dtype::f32, {4}, 16},
            {"other.weight", kernels::dtype::f32, {1000, 64}, 256'000}};
  }
  [[nodiscard]] const std::string& identity() const override { return empty_; }

 private:
  model_config config_;
  tokenizer_spec tokens_;
  generation_defaults defaults_;
  std::string name_ = "small";
  std::string empty_;
};

}  // namespace troupe::test
