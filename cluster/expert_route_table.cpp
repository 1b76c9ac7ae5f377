#include "cluster/expert_route_table.hpp"

#include <algorithm>
#include <iterator>

namespace troupe {
namespace {

/// Adds what is left of `range` without these experts of it.
void add_without(const expert_range& range, const std::vector<std::uint32_t>& hot,
                 std::vector<expert_range>& out) {
  std::uint32_t first = range.first;
  const std::uint32_t last = range.first + range.count;
  for (std::uint32_t e = first; e <= last; ++e) {
    if (e < last && std::ranges::find(hot, e) == hot.end()) continue;
    if (first < e) out.push_back({range.layer, first, e - first});
    first = e + 1;
  }
}

}  // namespace

std::vector<expert_route> expert_routes_of(const cluster_plan& plan) {
  std::vector<expert_route> out(plan.shards.size());
  std::vector<expert_route> hot_routes;
  for (std::uint32_t shard = 0; shard < plan.shards.size(); ++shard) {
    const shard_home& home = plan.shards[shard];
    out[shard].shard = shard;
    out[shard].nodes.replicas = home.replicas;
    out[shard].nodes.spread = true;
    for (const expert_range& range : home.owned) {
      std::vector<std::uint32_t> hot;
      for (const hot_expert& h : plan.hot) {
        if (h.layer != range.layer || h.expert - range.first >= range.count || h.copies.empty())
          continue;
        hot.push_back(h.expert);
        expert_route& route = hot_routes.emplace_back();
        route.shard = shard;
        route.experts.push_back({h.layer, h.expert, 1});
        route.nodes.spread = true;
        route.nodes.replicas = home.replicas;
        route.nodes.replicas.insert(route.nodes.replicas.end(), h.copies.begin(), h.copies.end());
      }
      add_without(range, hot, out[shard].experts);
    }
  }
  std::ranges::move(hot_routes, std::back_inserter(out));
  return out;
}

std::vector<expert_holder> expert_holders(const std::vector<expert_route>& routes,
                                          std::uint32_t layer, peer_id self,
                                          const model_files& files, activation_mode mode,
                                          expert_row_form rows) {
  std::vector<expert_holder> out;
  for (std::uint32_t number = 0; number < routes.size(); ++number) {
    const expert_route& route = routes[number];
    const auto& replicas = route.nodes.replicas;
    const bool remote = std::ranges::find(replicas, self) == replicas.end();
    for (const expert_range& range : route.experts) {
      if (range.layer != layer) continue;
      out.push_back(
          {number, range.first, range.count, remote, expert_takes(files, range, mode, rows)});
    }
  }
  return out;
}

}  // namespace troupe
