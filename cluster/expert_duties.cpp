#include "cluster/expert_duties.hpp"

#include <algorithm>

namespace troupe {
namespace {

bool contains(const std::vector<peer_id>& peers, peer_id p) {
  return std::ranges::find(peers, p) != peers.end();
}

}  // namespace

expert_duties expert_duties_of(const cluster_plan& plan, peer_id self) {
  expert_duties out;
  if (plan.experts != expert_home::apart) return out;
  out.routes = expert_routes_of(plan);
  std::vector<std::optional<std::size_t>> shards(plan.shards.size());
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    if (!contains(plan.shards[i].replicas, self)) continue;
    shards[i] = out.held.size();
    out.held.push_back(plan.shards[i].owned);
  }
  for (const expert_route& route : out.routes) {
    std::optional<std::size_t> server = shards[route.shard];
    // A copy of a hot expert is a set of its own.
    if (!server && contains(route.nodes.replicas, self)) {
      server = out.held.size();
      out.held.push_back(route.experts);
    }
    out.served_by.push_back(server);
  }
  return out;
}

}  // namespace troupe
