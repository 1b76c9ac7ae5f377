#include <fmt/format.h>

#include <string_view>

#include "runtime/model/weight_names.hpp"

namespace troupe {
namespace {

std::string_view part(matrix_slot slot) {
  switch (slot) {
    case matrix_slot::token_embedding:
      return "token_embd";
    case matrix_slot::head:
      return "output";
    case matrix_slot::query:
      return "attn_q";
    case matrix_slot::key:
      return "attn_k";
    case matrix_slot::value:
      return "attn_v";
    case matrix_slot::attention_output:
      return "attn_output";
    case matrix_slot::router:
      return "ffn_gate_inp";
    case matrix_slot::expert_gate:
      return "ffn_gate";
    case matrix_slot::expert_up:
      return "ffn_up";
    case matrix_slot::expert_down:
      return "ffn_down";
  }
  return "?";
}

weight_name matrix_name(matrix_slot slot, std::uint32_t layer, std::uint32_t expert, bool sparse) {
  if (slot == matrix_slot::token_embedding || slot == matrix_slot::head)
    return {fmt::format("{}.weight", part(slot)), std::nullopt};
  if (sparse && slot >= matrix_slot::expert_gate)
    return {fmt::format("blk.{}.{}_exps.weight", layer, part(slot)), expert};
  return {fmt::format("blk.{}.{}.weight", layer, part(slot)), std::nullopt};
}

std::string vector_name(vector_slot slot, std::uint32_t layer) {
  switch (slot) {
    case vector_slot::attention_norm:
      return fmt::format("blk.{}.attn_norm.weight", layer);
    case vector_slot::ffn_norm:
      return fmt::format("blk.{}.ffn_norm.weight", layer);
    case vector_slot::final_norm:
      return "output_norm.weight";
    case vector_slot::query_norm:
      return fmt::format("blk.{}.attn_q_norm.weight", layer);
    case vector_slot::key_norm:
      return fmt::format("blk.{}.attn_k_norm.weight", layer);
    case vector_slot::query_bias:
      return fmt::format("blk.{}.attn_q.bias", layer);
    case vector_slot::key_bias:
      return fmt::format("blk.{}.attn_k.bias", layer);
    case vector_slot::value_bias:
      return fmt::format("blk.{}.attn_v.bias", layer);
    case vector_slot::attention_output_bias:
      return fmt::format("blk.{}.attn_output.bias", layer);
  }
  return "?";
}

}  // namespace

weight_naming gguf_naming() { return {matrix_name, vector_name}; }

}  // namespace troupe
