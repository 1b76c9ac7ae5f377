#pragma once

#include <cstdint>
#include <vector>

#include "cluster/expert_routes.hpp"
#include "cluster/node_placement.hpp"
#include "runtime/engine/expert_dispatch.hpp"

namespace troupe {

/// Experts that travel to the same nodes, as one message a layer.
struct expert_route {
  shard_route nodes;
  /// What is sent this way: a shard's experts without its hot ones, or one hot expert.
  std::vector<expert_range> experts;
  /// The shard of the plan that they belong to: its replicas serve the route with the shard's own
  /// bank, other nodes hold a copy of the hot expert.
  std::uint32_t shard = 0;
};

/// A plan's experts as routes. A route's number here is the shard's number in messages: first the
/// plan's shards, in its order, then each hot expert. Rows are spread over all who hold the
/// experts.
[[nodiscard]] std::vector<expert_route> expert_routes_of(const cluster_plan& plan);

/// Who applies the experts of `layer`, as seen from node `self`: what it holds itself does not
/// travel.
[[nodiscard]] std::vector<expert_holder> expert_holders(const std::vector<expert_route>& routes,
                                                        std::uint32_t layer, peer_id self,
                                                        const model_files& files,
                                                        activation_mode mode, expert_row_form rows);

}  // namespace troupe
