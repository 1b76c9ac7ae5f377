#include "cluster/rebalance.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "cluster/expert_traffic.hpp"

namespace troupe {
namespace {

result<void> check(const cluster_plan& plan, const model_sizes& sizes, const expert_loads& loads) {
  if (plan.experts != expert_home::apart)
    return fail(errc::unsupported, "experts stay with their stages: there is no load to spread");
  if (loads.size() > sizes.layers.size()) {
    return fail(errc::invalid_argument, "loads of {} layers: the model has {}", loads.size(),
                sizes.layers.size());
  }
  for (std::size_t i = 0; i < loads.size(); ++i) {
    if (loads[i].size() > sizes.layers[i].experts) {
      return fail(errc::invalid_argument, "loads of {} experts in layer {}: it has {}",
                  loads[i].size(), i, sizes.layers[i].experts);
    }
  }
  return {};
}

/// Gives up copies of experts that are no longer chosen more than others.
std::uint32_t cool_down(expert_traffic& traffic, const model_sizes& sizes, double cold) {
  std::uint32_t removed = 0;
  for (const hot_expert& h : traffic.hot()) {
    const auto rows = static_cast<double>(traffic.rows(h.layer, h.expert));
    // The one of a dense layer is all there is to choose: it stays hot while rows come.
    if (sizes.layers[h.layer].experts == 1 && rows > 0) continue;
    if (rows > cold * traffic.mean_rows(h.layer)) continue;
    for (const peer_id p : h.copies) traffic.remove(h.layer, h.expert, p);
    removed += static_cast<std::uint32_t>(h.copies.size());
  }
  return removed;
}

/// In whatever order.
bool same_copies(std::vector<hot_expert> a, std::vector<hot_expert> b) {
  for (std::vector<hot_expert>* all : {&a, &b}) {
    for (hot_expert& h : *all) std::ranges::sort(h.copies);
    std::ranges::sort(*all, {}, [](const hot_expert& h) { return std::tie(h.layer, h.expert); });
  }
  return a == b;
}

/// Adds copies where a step waits longest for them, `most` in all.
std::uint32_t spread_out(expert_traffic& traffic, std::size_t layers, std::uint32_t most,
                         const rebalance_limits& limits) {
  std::uint32_t added = 0;
  std::vector<bool> done(layers, false);
  while (added < most) {
    double worst = 0;
    std::optional<std::uint32_t> at;
    for (std::uint32_t i = 0; i < layers; ++i) {
      const double excess = traffic.slowest(i) - traffic.ideal(i) * limits.enough;
      if (done[i] || excess <= worst) continue;
      worst = excess;
      at = i;
    }
    if (!at) break;
    if (const auto offer = traffic.best_copy(*at, limits.copies_each)) {
      traffic.add(*at, offer->expert, offer->node);
      ++added;
    } else {
      done[*at] = true;
    }
  }
  return added;
}

}  // namespace

load_spread measure_spread(const cluster_plan& plan, const model_sizes& sizes,
                           std::span<const node_capacity> nodes, const expert_loads& loads) {
  return expert_traffic(plan, sizes, nodes, loads).spread();
}

result<rebalanced_plan> rebalance(const cluster_plan& plan, const model_sizes& sizes,
                                  std::span<const node_capacity> nodes, const expert_loads& loads,
                                  const rebalance_limits& most, epoch_number epoch) {
  if (auto ok = check(plan, sizes, loads); !ok) return fail(ok.error());
  expert_traffic traffic(plan, sizes, nodes, loads);
  rebalanced_plan out{plan, traffic.spread(), {}, 0, 0};
  out.removed = cool_down(traffic, sizes, most.cold);
  std::size_t copies = 0;
  for (const hot_expert& h : traffic.hot()) copies += h.copies.size();
  const std::size_t left = most.copies - std::min<std::size_t>(most.copies, copies);
  out.added = spread_out(traffic, sizes.layers.size(), static_cast<std::uint32_t>(left), most);
  out.after = traffic.spread();
  std::vector<hot_expert> hot = traffic.hot();
  if (same_copies(hot, plan.hot)) {
    out.added = out.removed = 0;
    return out;
  }
  out.plan.hot = std::move(hot);
  out.plan.epoch = epoch;
  return out;
}

}  // namespace troupe
