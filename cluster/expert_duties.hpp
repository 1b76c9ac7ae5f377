#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "cluster/expert_route_table.hpp"

namespace troupe {

/// What a plan with experts apart asks of one node.
struct expert_duties {
  /// Where rows go, the same on every node.
  std::vector<expert_route> routes;
  /// Sets of experts that the node loads: its shards, then each hot expert that it has a copy of.
  std::vector<std::vector<expert_range>> held;
  /// By route: which of `held` serves it on this node, where one does.
  std::vector<std::optional<std::size_t>> served_by;
};

/// Empty where experts stay with their stages.
[[nodiscard]] expert_duties expert_duties_of(const cluster_plan& plan, peer_id self);

}  // namespace troupe
