#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/attention.hpp"
#include "runtime/base/token.hpp"

namespace troupe {

enum class architecture : std::uint8_t { llama, qwen3, qwen3_moe };

[[nodiscard]] std::string_view to_string(architecture a);

/// Rotary position embedding, already worked out: the engine never sees a scaling rule's name.
struct rope_config {
  /// One inverse frequency per rotated pair, after any scaling (none, linear, YaRN, llama3).
  std::vector<float> inv_freq;
  /// Factor on cos and sin (YaRN's attention factor; 1 otherwise).
  float scale = 1.0F;
  kernels::rope_pairing pairing = kernels::rope_pairing::halves;
};

/// What an engine must know of a model, whatever file it came from. Every value has been checked:
/// sizes are positive and consistent, `heads` is a multiple of `kv_heads`, products fit in 32 bits.
struct model_config {
  architecture arch = architecture::llama;
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  /// Width of a dense layer's FFN (one expert, always chosen).
  std::uint32_t dense_intermediate = 0;
  /// Width of one routed expert; 0 where no layer is sparse.
  std::uint32_t expert_intermediate = 0;
  std::uint32_t experts = 0;  ///< routed experts of a sparse layer; 0 where no layer is sparse
  std::uint32_t top_k = 0;
  bool normalise_top_k = true;
  std::vector<bool> sparse;  ///< one a layer: routed experts, or a dense FFN
  std::uint32_t vocab = 0;
  std::uint32_t context = 0;  ///< most positions a sequence may have
  float norm_eps = 1e-6F;
  bool qk_norm = false;
  bool tied_head = false;
  rope_config rope;
  std::vector<token_id> eos;

  [[nodiscard]] bool is_sparse(std::uint32_t layer) const { return sparse[layer]; }
  [[nodiscard]] std::uint32_t layer_experts(std::uint32_t layer) const {
    return sparse[layer] ? experts : 1;
  }
  [[nodiscard]] std::uint32_t layer_top_k(std::uint32_t layer) const {
    return sparse[layer] ? top_k : 1;
  }
  [[nodiscard]] std::uint32_t layer_intermediate(std::uint32_t layer) const {
    return sparse[layer] ? expert_intermediate : dense_intermediate;
  }
  [[nodiscard]] std::uint32_t qkv_width() const { return (heads + 2 * kv_heads) * head_dim; }
};

}  // namespace troupe
