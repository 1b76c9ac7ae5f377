#include <fmt/format.h>

#include <string_view>

#include "runtime/model/weight_names.hpp"

namespace troupe {
namespace {

std::string_view expert_part(matrix_slot slot) {
  if (slot == matrix_slot::expert_gate) return "gate_proj";
  return slot == matrix_slot::expert_up ? "up_proj" : "down_proj";
}

std::string matrix_tensor(matrix_slot slot, std::uint32_t layer, std::uint32_t expert,
                          bool sparse) {
  switch (slot) {
    case matrix_slot::token_embedding:
      return "model.embed_tokens.weight";
    case matrix_slot::head:
      return "lm_head.weight";
    case matrix_slot::query:
      return fmt::format("model.layers.{}.self_attn.q_proj.weight", layer);
    case matrix_slot::key:
      return fmt::format("model.layers.{}.self_attn.k_proj.weight", layer);
    case matrix_slot::value:
      return fmt::format("model.layers.{}.self_attn.v_proj.weight", layer);
    case matrix_slot::attention_output:
      return fmt::format("model.layers.{}.self_attn.o_proj.weight", layer);
    case matrix_slot::router:
      return fmt::format("model.layers.{}.mlp.gate.weight", layer);
    case matrix_slot::expert_gate:
    case matrix_slot::expert_up:
    case matrix_slot::expert_down:
      if (!sparse) return fmt::format("model.layers.{}.mlp.{}.weight", layer, expert_part(slot));
      return fmt::format("model.layers.{}.mlp.experts.{}.{}.weight", layer, expert,
                         expert_part(slot));
  }
  return "?";
}

weight_name matrix_name(matrix_slot slot, std::uint32_t layer, std::uint32_t expert, bool sparse) {
  return {matrix_tensor(slot, layer, expert, sparse), std::nullopt};
}

std::string vector_name(vector_slot slot, std::uint32_t layer) {
  switch (slot) {
    case vector_slot::attention_norm:
      return fmt::format("model.layers.{}.input_layernorm.weight", layer);
    case vector_slot::ffn_norm:
      return fmt::format("model.layers.{}.post_attention_layernorm.weight", layer);
    case vector_slot::final_norm:
      return "model.norm.weight";
    case vector_slot::query_norm:
      return fmt::format("model.layers.{}.self_attn.q_norm.weight", layer);
    case vector_slot::key_norm:
      return fmt::format("model.layers.{}.self_attn.k_norm.weight", layer);
    case vector_slot::query_bias:
      return fmt::format("model.layers.{}.self_attn.q_proj.bias", layer);
    case vector_slot::key_bias:
      return fmt::format("model.layers.{}.self_attn.k_proj.bias", layer);
    case vector_slot::value_bias:
      return fmt::format("model.layers.{}.self_attn.v_proj.bias", layer);
    case vector_slot::attention_output_bias:
      return fmt::format("model.layers.{}.self_attn.o_proj.bias", layer);
  }
  return "?";
}

}  // namespace

weight_naming hugging_face_naming() { return {matrix_name, vector_name}; }

}  // namespace troupe
