#include "cluster/placement_adoption.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace troupe {
namespace {

/// Who brings a stage: those who led it first.
struct bringers {
  std::vector<peer_id> leaders;
  std::vector<peer_id> followers;
  [[nodiscard]] std::size_t size() const { return leaders.size() + followers.size(); }
};

using stages_by_layers = std::map<std::pair<std::uint32_t, std::uint32_t>, bringers>;

stages_by_layers gather(std::span<const node_holdings> nodes) {
  stages_by_layers all;
  for (const node_holdings& n : nodes) {
    for (const node_holdings::stage& s : n.stages) {
      bringers& who = all[{s.layers.first, s.layers.last}];
      (s.led ? who.leaders : who.followers).push_back(n.node);
    }
  }
  return all;
}

/// Of the stages that begin at `layer` the one with the most copies; the end where there is none.
stages_by_layers::const_iterator best_at(const stages_by_layers& all, std::uint32_t layer) {
  auto best = all.end();
  for (auto s = all.lower_bound({layer, 0}); s != all.end() && s->first.first == layer; ++s)
    if (s->first.second > layer && (best == all.end() || s->second.size() > best->second.size()))
      best = s;
  return best;
}

}  // namespace

std::optional<cluster_plan> adopt(const model_sizes& sizes, std::span<const node_holdings> nodes,
                                  const placement_wishes& wishes, epoch_number epoch) {
  const stages_by_layers all = gather(nodes);
  cluster_plan plan;
  plan.epoch = epoch;
  plan.experts = expert_home::with_stage;
  plan.redundancy = wishes.redundancy;
  plan.kv_layer_bytes = wishes.kv_positions * wishes.kv_position_bytes;
  std::map<peer_id, std::size_t> leads;
  const auto layers = static_cast<std::uint32_t>(sizes.layers.size());
  for (std::uint32_t next = 0; next < layers;) {
    const auto found = best_at(all, next);
    if (found == all.end() || found->first.second > layers) return std::nullopt;
    const bringers& who = found->second;
    // Where its leader is lost, somebody with little else to lead.
    const std::vector<peer_id>& able = who.leaders.empty() ? who.followers : who.leaders;
    const peer_id primary =
        *std::ranges::min_element(able, {}, [&](peer_id p) { return std::tuple(leads[p], p); });
    ++leads[primary];
    stage_home home{{next, found->first.second}, primary, {}};
    for (const auto* side : {&who.leaders, &who.followers})
      for (const peer_id p : *side)
        if (p != primary && home.buddies.size() + 1 < wishes.redundancy) home.buddies.push_back(p);
    shard_home shard{all_experts(sizes, home.layers), {primary}};
    shard.replicas.insert(shard.replicas.end(), home.buddies.begin(), home.buddies.end());
    plan.stages.push_back(std::move(home));
    plan.shards.push_back(std::move(shard));
    next = found->first.second;
  }
  return plan;
}

}  // namespace troupe
