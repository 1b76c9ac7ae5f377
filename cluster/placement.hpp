#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/model/config.hpp"

namespace troupe {

/// Who serves what, for one epoch: attention by ranges of layers, experts by sets of (layer,
/// experts).
struct placement {
  epoch_number epoch = 0;
  std::vector<layer_range> stages;
  std::vector<std::vector<expert_range>> shards;  ///< one list a shard, at most one range a layer

  /// Shards that hold experts of `layer`, in ascending order.
  [[nodiscard]] std::vector<std::uint32_t> shards_of(std::uint32_t layer) const;
};

/// Splits a model into `stages` ranges of layers and `shards` sets of experts, as evenly as whole
/// layers and whole experts allow. More stages than layers is invalid_argument; so is zero of
/// either.
///
/// The experts of a sparse layer are split into contiguous runs over all shards; the one expert of
/// a dense layer goes to shard (layer mod shards). A shard may end up with nothing and is then left
/// out.
[[nodiscard]] result<placement> plan_placement(const model_config& model, std::uint32_t stages,
                                               std::uint32_t shards, epoch_number epoch);

}  // namespace troupe
