#include "runtime/model/gguf_config.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/model/config_check.hpp"
#include "runtime/model/generation_check.hpp"
#include "runtime/model/gguf_fields.hpp"
#include "runtime/model/gguf_rope.hpp"

namespace troupe {
namespace {

result<std::pair<architecture, std::string_view>> read_architecture(const gguf_metadata& metadata) {
  const auto name = metadata.text("general.architecture");
  if (!name) return fail(name.error());
  if (!*name) return fail(errc::corrupt, "metadata 'general.architecture' is missing");
  if (**name == "llama") return std::pair(architecture::llama, **name);
  if (**name == "qwen3") return std::pair(architecture::qwen3, **name);
  if (**name == "qwen3moe") return std::pair(architecture::qwen3_moe, **name);
  return fail(errc::unsupported, "architecture '{}'; troupe has llama, qwen3 and qwen3moe", **name);
}

void read_sizes(gguf_fields& fields, model_config& c) {
  c.layers = fields.count("block_count");
  c.context = fields.count("context_length");
  c.hidden = fields.count("embedding_length");
  c.heads = fields.count("attention.head_count");
  c.kv_heads = fields.count("attention.head_count_kv", c.heads);
  c.head_dim = fields.count("attention.key_length", c.heads == 0 ? 0 : c.hidden / c.heads);
  c.dense_intermediate = fields.count("feed_forward_length", 0);
  c.experts = fields.count("expert_count", 0);
  c.top_k = fields.count("expert_used_count", 0);
  c.expert_intermediate = fields.count("expert_feed_forward_length", 0);
  c.normalise_top_k = fields.flag("expert_weights_norm", true);
  c.norm_eps =
      static_cast<float>(fields.number("attention.layer_norm_rms_epsilon").value_or(std::nan("")));
}

result<void> refuse_unsupported(gguf_fields& fields, const model_config& c) {
  const std::uint32_t value_length = fields.count("attention.value_length", c.head_dim);
  const std::uint32_t window = fields.count("attention.sliding_window", 0);
  if (fields.failure()) return fail(*fields.failure());
  if (value_length != c.head_dim)
    return fail(errc::unsupported, "values of {} beside keys of {}", value_length, c.head_dim);
  if (window != 0 && window < c.context)
    return fail(errc::unsupported, "sliding-window attention ({} positions)", window);
  if (c.arch != architecture::qwen3_moe && c.experts > 0)
    return fail(errc::unsupported, "experts in the architecture '{}'", to_string(c.arch));
  return {};
}

/// The tokens that end a turn: the file's own, and a chat model's markers where they are control
/// tokens.
result<std::vector<token_id>> read_eos(const gguf_metadata& metadata,
                                       const tokenizer_spec& tokenizer) {
  std::vector<token_id> out;
  const auto add = [&out](token_id id) {
    if (std::ranges::find(out, id) == out.end()) out.push_back(id);
  };
  if (tokenizer.eos) add(*tokenizer.eos);
  for (const std::string_view key :
       {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const auto id = metadata.integer(key);
    if (!id) return fail(id.error());
    if (!*id || **id < 0) continue;
    if (static_cast<std::uint64_t>(**id) >= tokenizer.tokens.size())
      return fail(errc::corrupt, "{} is {}, but there are {} tokens", key, **id,
                  tokenizer.tokens.size());
    add(static_cast<token_id>(**id));
  }
  for (const added_token& token : tokenizer.added) {
    if (token.special && (token.content == "<|im_end|>" || token.content == "<|eot_id|>"))
      add(token.id);
  }
  return out;
}

}  // namespace

result<model_config> read_gguf_config(const gguf_file& file, const tokenizer_spec& tokenizer) {
  const auto arch = read_architecture(file.metadata);
  if (!arch) return fail(arch.error());
  gguf_fields fields(file.metadata, arch->second);
  model_config c;
  c.arch = arch->first;
  c.qk_norm = c.arch != architecture::llama;
  read_sizes(fields, c);
  if (auto ok = refuse_unsupported(fields, c); !ok) return fail(std::move(ok.error()));

  const stored_tensor* const embedding = file.tensors.find("token_embd.weight");
  if (embedding == nullptr) return fail(errc::corrupt, "tensor 'token_embd.weight' is missing");
  // What does not fit 32 bits becomes 0, which check() refuses.
  const std::uint64_t vocab = embedding->shape.front();
  c.vocab = vocab > UINT32_MAX ? 0 : static_cast<std::uint32_t>(vocab);
  c.tied_head = file.tensors.find("output.weight") == nullptr;
  // More layers than tensors cannot be; looked at before one flag a layer is kept.
  if (c.layers > file.tensors.all().size())
    return fail(errc::corrupt, "{} layers, but only {} tensors", c.layers,
                file.tensors.all().size());
  for (std::uint32_t layer = 0; layer < c.layers; ++layer)
    c.sparse.push_back(file.tensors.find(fmt::format("blk.{}.ffn_gate_inp.weight", layer)) !=
                       nullptr);

  const auto rope = read_gguf_rope(fields, c.head_dim, c.context);
  if (!rope) return fail(rope.error());
  if (rope->dimensions > c.head_dim)
    return fail(errc::corrupt, "{} rotated dimensions of a head of {}", rope->dimensions,
                c.head_dim);
  auto computed = compute_rope(*rope);
  if (!computed) return fail(std::move(computed.error()));
  c.rope = std::move(*computed);
  if (auto ok = apply_rope_factors(file.tensors, c.rope); !ok) return fail(std::move(ok.error()));
  // llama's query and key rows are stored permuted, so that pairs lie side by side.
  c.rope.pairing = c.arch == architecture::llama ? kernels::rope_pairing::neighbours
                                                 : kernels::rope_pairing::halves;
  c.context = stretched_context(*rope, c.context);
  auto eos = read_eos(file.metadata, tokenizer);
  if (!eos) return fail(std::move(eos.error()));
  c.eos = std::move(*eos);
  if (auto ok = check(c); !ok) return fail(std::move(ok.error()));
  return c;
}

result<generation_defaults> read_gguf_defaults(const gguf_metadata& metadata) {
  gguf_fields fields(metadata, "general.sampling");
  generation_defaults out;
  const auto as_float = [](std::optional<double> v) -> std::optional<float> {
    return v ? std::optional(static_cast<float>(*v)) : std::nullopt;
  };
  out.temperature = as_float(fields.number("temp"));
  out.top_p = as_float(fields.number("top_p"));
  out.min_p = as_float(fields.number("min_p"));
  out.repetition_penalty = as_float(fields.number("penalty_repeat"));
  if (metadata.contains("general.sampling.top_k")) out.top_k = fields.count("top_k");
  if (fields.failure()) return fail(*fields.failure());
  if (auto ok = check(out); !ok) return fail(std::move(ok.error()));
  return out;
}

}  // namespace troupe
