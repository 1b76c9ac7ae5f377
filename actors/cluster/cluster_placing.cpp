// The first placement: on nodes that are new, or on what they hold from under another supervisor.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "actors/cluster/cluster_supervisor.hpp"
#include "cluster/placement_adoption.hpp"
#include "runtime/cache/kv_layout.hpp"

namespace troupe {

std::vector<node_capacity> cluster_supervisor_state::capacities() const {
  std::vector<node_capacity> all;
  for (const member& m : members_->members()) {
    const auto node = nodes_.find(m.info.peer);
    if (node == nodes_.end()) continue;
    all.push_back({m.info.peer, m.info.name, m.info.host, m.info.memory_bytes, m.info.threads,
                   m.state == member_state::draining || m.trusted == member_state::draining,
                   m.state == member_state::suspect, node->second.experts_only});
  }
  return all;
}

void cluster_supervisor_state::place_first() {
  const auto nodes = capacities();
  const kv_layout layer{1, w_.model.kv_heads, w_.model.head_dim, w_.engine.page_size, w_.engine.kv};
  // Keys and values lie with the stages.
  std::size_t memory = 0;
  for (const node_capacity& n : nodes) memory += n.experts_only ? 0 : n.memory_bytes;
  const std::size_t copies = std::max<std::uint32_t>(w_.cluster.redundancy, 1);
  const layer_range all{0, w_.model.layers};
  const std::size_t weights =
      (experts_apart() ? w_.sizes.stage_bytes(all) : w_.sizes.total_bytes()) * copies;
  const std::size_t page = layer.page_bytes() * w_.model.layers * copies;
  const std::uint64_t usable =
      std::uint64_t{layer.pages_for(w_.engine.context)} * w_.engine.max_sequences;
  const std::size_t room = memory > weights ? memory - weights : 0;
  pages_ = static_cast<std::uint32_t>(
      w_.engine.kv_bytes != 0 ? w_.engine.kv_bytes / (layer.page_bytes() * w_.model.layers)
                              : std::min<std::uint64_t>(usable, room / 4 / page));
  auto plan = plan_cluster(w_.sizes, nodes, wishes(), ++epoch_);
  if (plan && pages_ == 0) {
    plan = fail(errc::out_of_memory,
                "no KV page fits: {} nodes with {} hold {} copies of {} of weights", nodes.size(),
                show_bytes(memory), copies, show_bytes(weights / copies));
  }
  if (!plan) {
    w_.board->set_obstacle(plan.error());
    members_->note(clock::now(), "nothing can be placed: " + plan.error().message());
    return;
  }
  w_.board->set_obstacle(std::nullopt);
  begin(std::move(*plan), true);
}

placement_wishes cluster_supervisor_state::wishes() const {
  const kv_layout layer{1, w_.model.kv_heads, w_.model.head_dim, w_.engine.page_size, w_.engine.kv};
  placement_wishes w;
  w.stages = w_.engine.stages;
  w.redundancy = w_.cluster.redundancy;
  w.experts = experts_apart() ? expert_home::apart : expert_home::with_stage;
  w.kv_positions = std::size_t{pages_} * w_.engine.page_size;
  w.kv_position_bytes = layer.position_bytes();
  return w;
}

void cluster_supervisor_state::place_without_lost() {
  // Stages without their experts: there is nothing that could be adopted.
  const bool were_apart = std::ranges::any_of(nodes_, [](const auto& node) {
    return !node.second.held.empty() && node.second.held_pages == 0;
  });
  if (!were_apart) return;
  last_join_ = clock::now();  // and again, if need be
  if (plan_cluster(w_.sizes, capacities(), wishes(), epoch_ + 1)) place_first();
  publish();
}

void cluster_supervisor_state::adopt_held() {
  // Where experts live apart the first placement is made anew: nodes find in their store what it
  // has them hold.
  if (experts_apart()) return;
  std::vector<node_holdings> all;
  std::uint32_t pages = 0;
  for (const auto& [peer, node] : nodes_) {
    if (node.held.empty() || node.held_pages == 0) continue;
    if (pages == 0) pages = node.held_pages;
    if (node.held_pages != pages) continue;
    node_holdings holdings{peer, {}};
    for (const held_stage& h : node.held) holdings.stages.push_back({{h.first, h.last}, h.led});
    all.push_back(std::move(holdings));
  }
  if (all.empty()) return;
  pages_ = pages;
  auto plan = adopt(w_.sizes, all, wishes(), epoch_ + 1);
  if (!plan) return;
  ++epoch_;
  w_.board->set_obstacle(std::nullopt);
  members_->note(clock::now(), fmt::format("epoch {} goes on with the stages that {} nodes hold",
                                           show_epoch(epoch_), all.size()));
  begin(std::move(*plan), true);
}

}  // namespace troupe
