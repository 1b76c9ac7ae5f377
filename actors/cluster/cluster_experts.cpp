// Experts apart from their stages: how often each is chosen, and copies of those that are hot.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "actors/cluster/cluster_supervisor.hpp"
#include "cluster/rebalance.hpp"

namespace troupe {
namespace {

/// Rows an expert, on average, before anything is concluded from them.
constexpr std::uint64_t telling_rows = 16;
/// Windows are a few periods long, so that a burst does not move weights.
constexpr std::uint32_t periods_kept = 3;
/// Less than this of a node's share is not worth an epoch.
constexpr double worthwhile = 0.1;

std::uint64_t sum_of(const expert_loads& loads) {
  std::uint64_t sum = 0;
  for (const auto& layer : loads)
    for (const std::uint64_t rows : layer) sum += rows;
  return sum;
}

/// No more numbers than a layer has experts.
expert_loads cut_to(const model_sizes& sizes, expert_loads loads) {
  loads.resize(std::min(loads.size(), sizes.layers.size()));
  for (std::size_t i = 0; i < loads.size(); ++i)
    loads[i].resize(std::min<std::size_t>(loads[i].size(), sizes.layers[i].experts));
  return loads;
}

}  // namespace

bool cluster_supervisor_state::experts_apart() const {
  if (plan_) return plan_->experts == expert_home::apart;
  return std::ranges::any_of(nodes_, [](const auto& node) { return node.second.experts_only; });
}

void cluster_supervisor_state::on_load(const expert_load_report& report) {
  const auto now = clock::now();
  if (!loads_) {
    const std::chrono::milliseconds period(std::max(w_.cluster.rebalance_ms, 1000U));
    loads_.emplace(w_.model.layers, std::max(w_.model.experts, 1U), period * periods_kept);
    next_rebalance_ = now + period;
  }
  const std::span<const std::uint32_t> rows(report.rows);
  for (std::uint32_t i = 0; std::size_t{i} * report.experts < rows.size(); ++i)
    loads_->add(report.first + i, rows.subspan(std::size_t{i} * report.experts, report.experts),
                now);
  for (std::size_t i = 0; i < report.nodes.size(); ++i) {
    const auto node = nodes_.find(report.nodes[i]);
    if (node != nodes_.end()) node->second.outputs += report.outputs[i];
  }
  publish();
}

bool cluster_supervisor_state::spread_hot_experts() {
  const auto now = clock::now();
  if (!loads_ || w_.cluster.rebalance_ms == 0 || now < next_rebalance_ || !experts_apart())
    return false;
  next_rebalance_ = now + std::chrono::milliseconds(w_.cluster.rebalance_ms);
  const expert_loads loads = cut_to(w_.sizes, loads_->within_window(now));
  std::uint64_t experts = 0;
  for (const layer_sizes& l : w_.sizes.layers) experts += l.experts;
  if (sum_of(loads) < telling_rows * experts) return false;
  auto better = rebalance(*plan_, w_.sizes, capacities(), loads, rebalance_limits(), epoch_ + 1);
  if (!better || better->plan.epoch == plan_->epoch) return false;
  if (better->removed == 0 && better->before.steps - better->after.steps < worthwhile) return false;
  members_->note(
      now, fmt::format("hot experts: {} copies more, {} fewer; the busiest node of a "
                       "layer had {:.2f} times its share, now {:.2f}",
                       better->added, better->removed, better->before.steps, better->after.steps));
  better->plan.epoch = ++epoch_;
  begin(std::move(better->plan), true);
  return true;
}

}  // namespace troupe
