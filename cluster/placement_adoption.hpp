#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe {

/// What a node brings that another supervisor had placed on it: weights of whole stages.
struct node_holdings {
  struct stage {
    layer_range layers;
    bool led = false;  ///< it was the stage's primary
  };
  peer_id node = no_peer;
  std::vector<stage> stages;
};

/// A plan for which no node loads anything, made of the stages that the nodes bring: each is led by
/// whoever led it, where that node is there; copies beyond the redundancy are left out. None where
/// the stages leave out a layer.
[[nodiscard]] std::optional<cluster_plan> adopt(const model_sizes& sizes,
                                                std::span<const node_holdings> nodes,
                                                const placement_wishes& wishes, epoch_number epoch);

}  // namespace troupe
