#include "cluster/placement_diff.hpp"

#include <algorithm>
#include <map>

namespace troupe {
namespace {

using kind = duty::kind;
using duty_table = std::map<peer_id, std::vector<duty>>;

duty_table duties(const cluster_plan& plan) {
  duty_table held;
  const auto add = [&](peer_id node, kind what, std::size_t index, bool leads) {
    if (node != no_peer) held[node].push_back({what, static_cast<std::uint32_t>(index), leads});
  };
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    add(plan.stages[i].primary, kind::stage, i, true);
    for (const peer_id p : plan.stages[i].buddies) add(p, kind::stage, i, false);
  }
  for (std::size_t i = 0; i < plan.shards.size(); ++i) {
    for (const peer_id& p : plan.shards[i].replicas)
      add(p, kind::shard, i, &p == &plan.shards[i].replicas.front());
  }
  for (std::size_t i = 0; i < plan.hot.size(); ++i) {
    for (const peer_id p : plan.hot[i].copies) add(p, kind::hot_expert, i, false);
  }
  return held;
}

bool same(const cluster_plan& a, const duty& x, const cluster_plan& b, const duty& y) {
  if (x.what != y.what) return false;
  switch (x.what) {
    case kind::stage:
      return a.stages[x.index].layers == b.stages[y.index].layers;
    case kind::shard:
      return a.shards[x.index].owned == b.shards[y.index].owned;
    case kind::hot_expert:
      break;
  }
  return a.hot[x.index].layer == b.hot[y.index].layer &&
         a.hot[x.index].expert == b.hot[y.index].expert;
}

}  // namespace

std::vector<duty> duties_of(const cluster_plan& plan, peer_id node) {
  duty_table held = duties(plan);
  return std::move(held[node]);
}

std::vector<duty_changes> diff(const cluster_plan& before, const cluster_plan& after) {
  duty_table old_duties = duties(before);
  duty_table new_duties = duties(after);
  std::map<peer_id, duty_changes> changes;
  for (const auto& [node, held] : old_duties) changes[node].node = node;
  for (const auto& [node, held] : new_duties) changes[node].node = node;
  std::vector<duty_changes> out;
  for (auto& [node, c] : changes) {
    std::vector<duty>& left = old_duties[node];
    for (const duty& d : new_duties[node]) {
      const auto was =
          std::ranges::find_if(left, [&](const duty& o) { return same(before, o, after, d); });
      if (was == left.end()) {
        c.load.push_back(d);
        continue;
      }
      (was->leads == d.leads ? c.keep : d.leads ? c.take_over : c.step_back).push_back(d);
      left.erase(was);
    }
    c.release = std::move(left);
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace troupe
