#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// What one layer takes in memory.
struct layer_sizes {
  std::size_t attention_bytes = 0;  ///< projections, norms, biases and the router
  std::size_t expert_bytes = 0;     ///< of one expert: the largest of the layer
  std::uint32_t experts = 1;        ///< 1 in a dense layer
  std::uint32_t chosen = 1;         ///< experts that a row goes through
};

/// What a model takes in memory, by the parts that can be placed apart.
struct model_sizes {
  std::vector<layer_sizes> layers;
  std::size_t embedding_bytes = 0;  ///< lives with the first layer
  std::size_t head_bytes = 0;       ///< lives with the last layer; the final norm is in it
  bool shared_head = false;         ///< a stage that has both holds only one of them

  /// Weights of an attention block that serves `range`, the embedding and the head where they live.
  [[nodiscard]] std::size_t stage_bytes(layer_range range) const;
  [[nodiscard]] std::size_t expert_bytes(std::span<const expert_range> owned) const;
  /// All weights, once.
  [[nodiscard]] std::size_t total_bytes() const;

  /// Bytes of weights that a row's arithmetic reads: what stages are balanced by. The embedding is
  /// looked up, so it costs nothing.
  [[nodiscard]] double attention_cost(std::uint32_t layer) const;
  /// What the layer's experts add to that for a row, all together.
  [[nodiscard]] double expert_cost(std::uint32_t layer) const;
};

/// Measures a model. `packed_bytes` says what a matrix takes in the order that a device reads best,
/// 0 where the device reads file order (backend::packed_bytes); empty: nothing is packed.
[[nodiscard]] model_sizes sizes_of(
    const model_files& files,
    const std::function<std::size_t(const kernels::matrix&)>& packed_bytes = {});

/// Every expert of the layers, one range a layer.
[[nodiscard]] std::vector<expert_range> all_experts(const model_sizes& sizes, layer_range layers);

/// "1.20 GiB", "512 MiB", "96 KiB": for messages.
[[nodiscard]] std::string show_bytes(std::size_t bytes);

}  // namespace troupe
