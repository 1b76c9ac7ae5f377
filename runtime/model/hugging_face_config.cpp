#include "runtime/model/hugging_face_config.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <limits>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/model/config_check.hpp"
#include "runtime/model/hugging_face_rope.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::string_view file_name = "config.json";
constexpr std::uint32_t most_layers = 10'000;

result<architecture> read_architecture(json_fields& fields) {
  std::string_view name = fields.text("model_type", "");
  if (const json::array* const list = fields.array("architectures");
      list != nullptr && !list->empty() && list->front().is_string()) {
    const json::string& first = list->front().get_string();
    name = {first.data(), first.size()};
  }
  if (fields.failure()) return fail(*fields.failure());
  if (name == "LlamaForCausalLM" || name == "llama") return architecture::llama;
  if (name == "Qwen3ForCausalLM" || name == "qwen3") return architecture::qwen3;
  if (name == "Qwen3MoeForCausalLM" || name == "qwen3_moe") return architecture::qwen3_moe;
  if (name.empty()) return fail(errc::corrupt, "{}: 'architectures' is missing", file_name);
  return fail(errc::unsupported,
              "{}: architecture '{}'; troupe has LlamaForCausalLM, Qwen3ForCausalLM and "
              "Qwen3MoeForCausalLM",
              file_name, name);
}

result<void> refuse_features(json_fields& fields) {
  if (fields.flag("use_sliding_window", false))
    return fail(errc::unsupported, "{}: sliding-window attention", file_name);
  if (fields.flag("mlp_bias", false)) return fail(errc::unsupported, "{}: 'mlp_bias'", file_name);
  const std::string_view activation = fields.text("hidden_act", "silu");
  if (activation != "silu")
    return fail(errc::unsupported, "{}: hidden_act '{}'; troupe has silu", file_name, activation);
  if (const json::array* const kinds = fields.array("layer_types")) {
    for (const json::value& kind : *kinds) {
      if (kind != "full_attention")
        return fail(errc::unsupported, "{}: a layer of type {}; troupe has \"full_attention\"",
                    file_name, json::serialize(kind));
    }
  }
  if (const json::object* const quantised = fields.object("quantization_config")) {
    json_fields inner(*quantised, "config.json: quantization_config");
    const std::string_view method = inner.text("quant_method", "");
    const json::value* const block = inner.find("weight_block_size");
    if (method != "fp8" || block == nullptr || *block != json::value{128, 128})
      return fail(errc::unsupported,
                  "{}: quant_method '{}'; troupe has fp8 with weight_block_size [128, 128]",
                  file_name, method);
  }
  if (fields.failure()) return fail(*fields.failure());
  return {};
}

void read_sizes(json_fields& fields, model_config& c) {
  c.layers = fields.count("num_hidden_layers");
  c.hidden = fields.count("hidden_size");
  c.heads = fields.count("num_attention_heads");
  c.kv_heads = fields.count("num_key_value_heads", c.heads);
  c.head_dim = fields.count("head_dim", c.heads == 0 ? 0 : c.hidden / c.heads);
  c.dense_intermediate = fields.count("intermediate_size", 0);
  c.vocab = fields.count("vocab_size");
  c.context = fields.count("max_position_embeddings");
  c.norm_eps = static_cast<float>(fields.number("rms_norm_eps").value_or(1e-6));
  c.tied_head = fields.flag("tie_word_embeddings", false);
}

/// Which layers have routed experts, and their sizes.
result<void> read_experts(json_fields& fields, model_config& c) {
  if (c.layers > most_layers)
    return fail(errc::corrupt, "{}: the number of layers is {}, must be 1 to {}", file_name,
                c.layers, most_layers);
  c.sparse.assign(c.layers, false);
  if (c.arch != architecture::qwen3_moe) return {};
  c.experts = fields.count(fields.has("num_local_experts") ? "num_local_experts" : "num_experts");
  c.top_k = fields.count("num_experts_per_tok");
  c.expert_intermediate = fields.count("moe_intermediate_size");
  c.normalise_top_k = fields.flag("norm_topk_prob", false);
  const std::uint32_t step = fields.count("decoder_sparse_step", 1);
  const json::array* const dense = fields.array("mlp_only_layers");
  if (fields.failure()) return fail(*fields.failure());
  if (step == 0) return fail(errc::corrupt, "{}: decoder_sparse_step is 0", file_name);
  for (std::uint32_t layer = 0; layer < c.layers; ++layer)
    c.sparse[layer] = c.experts > 0 && (layer + 1) % step == 0;
  if (dense != nullptr) {
    for (const json::value& value : *dense) {
      const auto layer = as_count(value);
      if (!layer)
        return fail(errc::corrupt, "{}: mlp_only_layers has an entry that is no layer", file_name);
      if (*layer < c.layers) c.sparse[*layer] = false;
    }
  }
  if (std::ranges::find(c.sparse, true) == c.sparse.end())
    c.experts = c.top_k = c.expert_intermediate = 0;
  return {};
}

}  // namespace

result<hugging_face_config> read_hugging_face_config(const json::object& file) {
  json_fields fields(file, file_name);
  const auto arch = read_architecture(fields);
  if (!arch) return fail(arch.error());
  if (auto ok = refuse_features(fields); !ok) return fail(std::move(ok.error()));
  hugging_face_config out;
  model_config& c = out.config;
  c.arch = *arch;
  c.qk_norm = c.arch != architecture::llama;
  read_sizes(fields, c);
  if (fields.flag("attention_bias", false)) out.biases = bias_rule::required;
  if (auto ok = read_experts(fields, c); !ok) return fail(std::move(ok.error()));
  const auto rope = read_hugging_face_rope(fields, c.head_dim, c.context);
  if (fields.failure()) return fail(*fields.failure());
  if (!rope) return fail(rope.error());
  auto computed = compute_rope(*rope);
  if (!computed) return fail(computed.error().within(file_name));
  c.rope = std::move(*computed);
  c.context = stretched_context(*rope, c.context);
  auto eos = read_eos_ids(file, file_name);
  if (!eos) return fail(std::move(eos.error()));
  c.eos = std::move(*eos);
  if (auto ok = check(c); !ok) return fail(ok.error().within(file_name));
  return out;
}

}  // namespace troupe
