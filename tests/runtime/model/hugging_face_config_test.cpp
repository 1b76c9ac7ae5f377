#include "runtime/model/hugging_face_config.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <cmath>
#include <string>

#include "runtime/model/rope_scaling.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

/// Qwen3-30B-A3B's configuration in the older key names.
json::object older() {
  return json::parse(R"({"architectures": ["Qwen3MoeForCausalLM"], "attention_bias": false,
    "bos_token_id": 151643, "decoder_sparse_step": 1, "eos_token_id": 151645, "head_dim": 128,
    "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144,
    "max_position_embeddings": 40960, "max_window_layers": 48, "mlp_only_layers": [],
    "model_type": "qwen3_moe", "moe_intermediate_size": 768, "norm_topk_prob": true,
    "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
    "num_hidden_layers": 48, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
    "rope_scaling": null, "rope_theta": 1000000.0, "sliding_window": null,
    "tie_word_embeddings": false, "torch_dtype": "bfloat16", "use_sliding_window": false,
    "vocab_size": 151936})")
      .get_object();
}

json::object with(std::string_view key, std::string_view value) {
  json::object file = older();
  file[key] = json::parse(value);
  return file;
}

std::string refusal(const json::object& file) {
  const auto config = read_hugging_face_config(file);
  return config ? "" : config.error().message();
}

TEST_CASE("the older key names are read") {
  const auto read = read_hugging_face_config(older());
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message()));
  const model_config& c = read->config;
  CHECK(c.arch == architecture::qwen3_moe);
  CHECK(c.experts == 128);
  CHECK(c.top_k == 8);
  CHECK(c.expert_intermediate == 768);
  CHECK(c.sparse == std::vector<bool>(48, true));
  CHECK(c.rope.inv_freq.size() == 64);
  CHECK(c.eos == std::vector<token_id>{151645});
  CHECK(c.context == 40960);
  CHECK(read->biases == bias_rule::optional);
}

TEST_CASE("the newer key names say the same") {
  json::object newer = older();
  newer.erase("rope_theta");
  newer.erase("rope_scaling");
  newer.erase("num_experts");
  newer["num_local_experts"] = 128;
  newer["rope_parameters"] = json::parse(R"({"rope_theta": 1000000.0, "rope_type": "default"})");
  const auto read = read_hugging_face_config(newer);
  REQUIRE(read);
  CHECK(read->config.experts == 128);
  CHECK(read->config.rope.inv_freq == read_hugging_face_config(older())->config.rope.inv_freq);
}

TEST_CASE("scaling is read from either place and with either key for its kind") {
  const auto stretched = [](std::string_view key, std::string_view value) {
    return read_hugging_face_config(with(key, value));
  };
  const auto yarn = stretched("rope_scaling",
                              R"({"type": "yarn", "factor": 4.0,
                                  "original_max_position_embeddings": 32768})");
  REQUIRE(yarn);
  CHECK(yarn->config.context == 131072);
  CHECK(yarn->config.rope.scale > 1.1F);
  const auto newer = stretched("rope_parameters",
                               R"({"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000000.0,
                                   "original_max_position_embeddings": 32768})");
  REQUIRE(newer);
  CHECK(newer->config.rope.inv_freq == yarn->config.rope.inv_freq);
  CHECK(stretched("rope_scaling", R"({"rope_type": "linear", "factor": 2})"));
  CHECK(stretched("rope_scaling", R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                      "high_freq_factor": 4, "original_max_position_embeddings": 8192})"));
  CHECK(refusal(with("rope_scaling", R"({"rope_type": "dynamic", "factor": 2})")) ==
        "config.json: rope_type 'dynamic'; troupe has default, linear, yarn and llama3");
  CHECK(refusal(with("rope_parameters", R"({"full_attention": {"rope_type": "default"}})"))
            .starts_with("config.json: rotary embeddings by kind of layer"));
  CHECK(refusal(with("rope_scaling", R"({"rope_type": "linear"})")) ==
        "config.json: the rotary embedding's scaling has no 'factor'");
}

TEST_CASE("dense layers come from the step and from the list") {
  auto file = with("mlp_only_layers", "[3, 1000]");
  file["decoder_sparse_step"] = 2;
  const auto read = read_hugging_face_config(file);
  REQUIRE(read);
  CHECK_FALSE(read->config.is_sparse(0));
  CHECK(read->config.is_sparse(1));
  CHECK_FALSE(read->config.is_sparse(3));
  CHECK(read->config.layer_intermediate(0) == 6144);
  CHECK(read->config.layer_intermediate(1) == 768);
}

TEST_CASE("a llama may leave out what has a default") {
  const auto read = read_hugging_face_config(
      json::parse(R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100,
        "max_position_embeddings": 128, "eos_token_id": [2, 3], "attention_bias": true})")
          .get_object());
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message()));
  CHECK(read->config.kv_heads == 4);
  CHECK(read->config.head_dim == 16);
  CHECK(read->config.eos == std::vector<token_id>{2, 3});
  CHECK(read->config.rope.inv_freq[1] == doctest::Approx(std::pow(10000.0, -2.0 / 16)));
  CHECK(read->biases == bias_rule::required);
}

TEST_CASE("unsupported features are named") {
  CHECK(refusal(with("architectures", R"(["MambaForCausalLM"])"))
            .starts_with("config.json: architecture 'MambaForCausalLM'"));
  CHECK(refusal(with("use_sliding_window", "true")) == "config.json: sliding-window attention");
  CHECK(refusal(with("hidden_act", R"("gelu")")) ==
        "config.json: hidden_act 'gelu'; troupe has silu");
  CHECK(refusal(with("layer_types", R"(["full_attention", "sliding_attention"])")) ==
        "config.json: a layer of type \"sliding_attention\"; troupe has \"full_attention\"");
  CHECK(refusal(with("quantization_config", R"({"quant_method": "awq"})"))
            .starts_with("config.json: quant_method 'awq'"));
  CHECK(refusal(with("quantization_config",
                     R"({"quant_method": "fp8", "weight_block_size": [64, 64]})"))
            .starts_with("config.json: quant_method 'fp8'"));
  CHECK(refusal(with("mlp_bias", "true")) == "config.json: 'mlp_bias'");
}

TEST_CASE("impossible values are refused") {
  CHECK(refusal(with("hidden_size", "0")).starts_with("config.json: the hidden size is 0"));
  CHECK(refusal(with("hidden_size", "-5")) == "config.json: 'hidden_size' is not a whole number");
  CHECK(refusal(with("hidden_size", "4294967295")).starts_with("config.json: the hidden size is"));
  CHECK(refusal(with("num_hidden_layers", "4000000000"))
            .starts_with("config.json: the number of layers is 4000000000"));
  CHECK(refusal(with("num_key_value_heads", "5")) ==
        "config.json: 32 attention heads are not a multiple of 5 key-value heads");
  CHECK(refusal(with("num_key_value_heads", "0"))
            .starts_with("config.json: the number of key-value heads is 0"));
  CHECK(refusal(with("num_attention_heads", "0"))
            .starts_with("config.json: the number of attention heads is 0"));
  CHECK_FALSE(refusal(with("head_dim", "127")).empty());
  CHECK(refusal(with("head_dim", "1024")).starts_with("config.json: the head size is 1024"));
  CHECK(refusal(with("num_experts_per_tok", "129"))
            .starts_with("config.json: experts per token is 129"));
  CHECK(refusal(with("num_experts", "100000"))
            .starts_with("config.json: the number of experts is 100000"));
  CHECK(refusal(with("rms_norm_eps", "0")).starts_with("config.json: the norm's epsilon is 0"));
  CHECK(refusal(with("rms_norm_eps", R"("x")")) == "config.json: 'rms_norm_eps' is not a number");
  CHECK(refusal(with("eos_token_id", "151936")) ==
        "config.json: end-of-text token 151936 is outside the vocabulary of 151936");
  CHECK(refusal(with("eos_token_id", R"(["x"])")) ==
        "config.json: eos_token_id is no token id or list of them");
  CHECK(refusal(with("rope_theta", "0")).starts_with("config.json: the rotary embedding's base"));
  CHECK(refusal(with("partial_rotary_factor", "2")) == "config.json: partial_rotary_factor is 2");
  CHECK(refusal(with("decoder_sparse_step", "0")) == "config.json: decoder_sparse_step is 0");
  CHECK(refusal({}) == "config.json: 'architectures' is missing");
}

TEST_CASE("sampling defaults are read and checked") {
  const auto read = read_generation_defaults(
      json::parse(R"({"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true})")
          .get_object());
  REQUIRE(read);
  CHECK(read->temperature == 0.6F);
  CHECK(read->top_k == 20);
  CHECK(read->top_p == 0.95F);
  CHECK_FALSE(read->min_p);
  const auto refused = [](std::string_view text) {
    return read_generation_defaults(json::parse(text).get_object()).error().message();
  };
  CHECK(refused(R"({"top_p": 1.5})") ==
        "generation_config.json: the default top_p is 1.5, must be 0 to 1");
  CHECK(refused(R"({"temperature": "hot"})") ==
        "generation_config.json: 'temperature' is not a number");
}

}  // namespace
}  // namespace troupe
