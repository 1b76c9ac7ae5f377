#pragma once

#include <cstdint>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe {

/// One thing that a node holds: `index` is into the stages, shards or hot experts of its plan.
struct duty {
  enum class kind : std::uint8_t { stage, shard, hot_expert };
  kind what = kind::stage;
  std::uint32_t index = 0;
  bool leads = false;  ///< it is the primary, or the replica that is preferred
  friend bool operator==(const duty&, const duty&) = default;
};

/// What a node holds under a plan: stages, then shards, then hot experts, each in the plan's order.
[[nodiscard]] std::vector<duty> duties_of(const cluster_plan& plan, peer_id node);

/// What changes for one node. Each duty is in one list; those of `release` are the old plan's, all
/// others the new plan's.
struct duty_changes {
  peer_id node = no_peer;
  std::vector<duty> load;       ///< held only under the new plan: weights, and KV from a holder
  std::vector<duty> keep;       ///< held under both, in the same role
  std::vector<duty> take_over;  ///< held under both; leads under the new plan only
  std::vector<duty> step_back;  ///< held under both; leads under the old plan only
  std::vector<duty> release;    ///< held only under the old plan
};

/// Compares two plans node by node, by what is held (layers, experts), not by its index. Nodes
/// that hold nothing under either are left out; in the order of peer ids.
[[nodiscard]] std::vector<duty_changes> diff(const cluster_plan& before, const cluster_plan& after);

}  // namespace troupe
