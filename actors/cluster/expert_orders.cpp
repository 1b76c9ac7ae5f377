#include "actors/cluster/expert_orders.hpp"

#include <utility>

namespace troupe {

void order_experts(const cluster_plan& plan, node_orders& orders) {
  orders.experts_apart = plan.experts == expert_home::apart;
  if (!orders.experts_apart) return;
  for (const shard_home& home : plan.shards) {
    shard_order shard;
    for (const expert_range& r : home.owned) shard.owned.push_back({r.layer, r.first, r.count});
    shard.replicas = home.replicas;
    orders.shards.push_back(std::move(shard));
  }
  for (const hot_expert& h : plan.hot) orders.hot.push_back({h.layer, h.expert, h.copies});
}

cluster_plan experts_of(const node_orders& orders) {
  cluster_plan plan;
  plan.epoch = orders.epoch;
  plan.experts = orders.experts_apart ? expert_home::apart : expert_home::with_stage;
  for (const shard_order& shard : orders.shards) {
    shard_home home;
    for (const expert_slice& s : shard.owned) home.owned.push_back({s.layer, s.first, s.count});
    home.replicas = shard.replicas;
    plan.shards.push_back(std::move(home));
  }
  for (const hot_order& h : orders.hot) plan.hot.push_back({h.layer, h.expert, h.copies});
  return plan;
}

}  // namespace troupe
