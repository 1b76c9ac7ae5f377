#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe {

/// Rows that each expert was chosen for within a window: [layer][expert]. Layers may be missing at
/// the end, and experts at the end of a layer: nothing was counted there.
using expert_loads = std::vector<std::vector<std::uint64_t>>;

/// How unevenly nodes are loaded; 1 is even.
struct load_spread {
  /// The busiest node's work for its threads, over what it would be if all had their share.
  double nodes = 1;
  /// The same layer by layer, as steps meet it: every layer waits for its own busiest node.
  double steps = 1;
};

struct rebalance_limits {
  std::uint32_t copies_each = 3;  ///< of one expert, beside its shard's replicas
  std::uint32_t copies = 256;     ///< in all
  double enough = 1.1;            ///< a layer whose busiest node has at most this is left alone
  double cold = 1.0;  ///< copies of an expert with less than this times the mean rows are given up
};

struct rebalanced_plan {
  cluster_plan plan;
  load_spread before, after;
  std::uint32_t added = 0;  ///< copies
  std::uint32_t removed = 0;
};

/// The spread under a plan, where rows go evenly over the nodes that hold their expert. Nodes count
/// that hold a shard, or hold nothing and could.
[[nodiscard]] load_spread measure_spread(const cluster_plan& plan, const model_sizes& sizes,
                                         std::span<const node_capacity> nodes,
                                         const expert_loads& loads);

/// Chooses hot experts to hold on more nodes, and gives up copies of those that have cooled down,
/// within the nodes' memory. The router's choices stay the model's: only where their rows go
/// changes. Stages and shards stay as they are. The plan is returned unchanged, its epoch too,
/// where no copy changes. unsupported where experts stay with their stage; invalid_argument for
/// loads of layers or experts that the model does not have.
[[nodiscard]] result<rebalanced_plan> rebalance(const cluster_plan& plan, const model_sizes& sizes,
                                                std::span<const node_capacity> nodes,
                                                const expert_loads& loads,
                                                const rebalance_limits& most, epoch_number epoch);

}  // namespace troupe
