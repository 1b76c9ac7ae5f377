#include "actors/bin/model_report.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>

namespace troupe::cli {
namespace {

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

}  // namespace

TEST_CASE("active parameters leave out the experts that a token does not meet") {
  const small_model model;
  const model_report report = report_on(model);
  CHECK(report.parameters == 8 * 3 * 32 * 64 + 1000 * 64);
  CHECK(report.active_parameters == 2 * 3 * 32 * 64 + 1000 * 64);
  CHECK(report.weight_bytes == 98'304 + 16 + 256'000);
  CHECK(report.kv_bytes_per_token == 2 * 2 * 2 * 16 * 2);
  CHECK(report.bytes_by_type.at("F32") == 256'016);
}

TEST_CASE("the report reads well and lists tensors only when asked") {
  const small_model model;
  const std::string text = to_text(report_on(model), false);
  CHECK(text.find("architecture   qwen3_moe\n") != std::string::npos);
  CHECK(text.find("113.2 K (76.3 K active a token)") != std::string::npos);
  CHECK(text.find("8, 2 a token, in 1 of 2 layers, width 32") != std::string::npos);
  CHECK(text.find("experts.weight") == std::string::npos);
  CHECK(to_text(report_on(model), true).find("1000 x 64") != std::string::npos);
}

TEST_CASE("the JSON report holds the same figures") {
  const small_model model;
  const auto json = to_json(report_on(model), true);
  CHECK(json.at("active_parameters").to_number<int>() == 76'288);
  CHECK(json.at("experts_per_token").to_number<int>() == 2);
  CHECK(json.at("chat_template").as_bool() == false);
  CHECK(json.at("tensors").as_array().size() == 3);
}

}  // namespace troupe::cli
