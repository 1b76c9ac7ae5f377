#include "cluster/placement_trial.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "cluster/expert_cuts.hpp"
#include "cluster/stage_cuts.hpp"

namespace troupe {
namespace {

/// Neighbours in the pipeline are near each other.
void sort_by_host(node_list& nodes) {
  std::ranges::sort(nodes, [](const node_capacity* a, const node_capacity* b) {
    return std::tie(a->host, a->name, a->node) < std::tie(b->host, b->name, b->node);
  });
}

/// The first `count` by threads or by memory.
node_list pick(node_list nodes, std::size_t count, bool by_memory) {
  std::ranges::stable_sort(nodes, [&](const node_capacity* a, const node_capacity* b) {
    return by_memory
               ? std::tie(a->memory_bytes, a->threads) > std::tie(b->memory_bytes, b->threads)
               : std::tie(a->threads, a->memory_bytes) > std::tie(b->threads, b->memory_bytes);
  });
  if (nodes.size() > count) nodes.resize(count);
  sort_by_host(nodes);
  return nodes;
}

}  // namespace

placement_trial::placement_trial(const model_sizes& sizes, std::span<const node_capacity> nodes,
                                 cluster_plan empty)
    : sizes_(sizes), nodes_(nodes), empty_(std::move(empty)) {}

std::size_t placement_trial::stage_bytes(layer_range layers) const {
  std::size_t bytes = sizes_.stage_bytes(layers) + empty_.kv_layer_bytes * layers.count();
  if (empty_.experts == expert_home::with_stage)
    bytes += sizes_.expert_bytes(all_experts(sizes_, layers));
  return bytes;
}

result<cluster_plan> placement_trial::place(const node_list& homes, std::uint32_t stages,
                                            const node_list& expert_homes,
                                            placement_approach how) const {
  auto plan = cut(homes, stages, how);
  if (!plan) return plan;
  if (empty_.experts == expert_home::apart) add_shards(*plan, expert_homes, how.by_memory);
  return add_copies(std::move(*plan), how.packing);
}

result<cluster_plan> placement_trial::cut(const node_list& homes, std::uint32_t stages,
                                          placement_approach how) const {
  const node_list picked = pick(homes, stages, how.by_memory);
  std::vector<stage_slot> slots;
  for (std::size_t i = 0; i < picked.size(); ++i) {
    const node_capacity& n = *picked[i];
    const std::size_t share = stages / picked.size() + (i < stages % picked.size() ? 1 : 0);
    const auto speed = static_cast<double>(how.by_memory ? n.memory_bytes : n.threads);
    slots.push_back({std::max(1.0, speed),
                     n.memory_bytes / (how.leave_room ? empty_.redundancy : 1),
                     static_cast<std::uint32_t>(share)});
  }
  std::vector<double> costs;
  for (std::uint32_t i = 0; i < sizes_.layers.size(); ++i) {
    costs.push_back(sizes_.attention_cost(i));
    if (empty_.experts == expert_home::with_stage) costs.back() += sizes_.expert_cost(i);
  }
  // Stages on one node share nothing, though they have both the embedding and the head.
  const bool apart_on_one = picked.size() == 1 && stages > 1 && sizes_.shared_head;
  const auto need = [&](layer_range r) {
    return stage_bytes(r) + (apart_on_one && r.count() == costs.size() ? sizes_.head_bytes : 0);
  };
  auto ranges = cut_stages(costs, slots, need);
  const bool fits = ranges.has_value();
  if (!fits) {
    // Only for the message: which stage of the cut that was wanted is too large, and by how much.
    for (stage_slot& s : slots) s.bytes = std::numeric_limits<std::size_t>::max();
    ranges = cut_stages(costs, slots, need);
    if (!ranges) return fail(ranges.error());
  }
  cluster_plan plan = empty_;
  for (std::size_t i = 0; i < ranges->size(); ++i) {
    const layer_range whole = (*ranges)[i];
    const std::vector<stage_slot> parts(slots[i].layers,
                                        {1, std::numeric_limits<std::size_t>::max()});
    const auto cuts = cut_stages(std::span(costs).subspan(whole.first, whole.count()), parts,
                                 [](layer_range) { return std::size_t{0}; });
    if (!cuts) return fail(cuts.error());
    for (const layer_range& part : *cuts) {
      const layer_range layers{whole.first + part.first, whole.first + part.last};
      plan.stages.push_back({layers, picked[i]->node, {}});
      if (plan.experts == expert_home::with_stage)
        plan.shards.push_back({all_experts(sizes_, layers), {picked[i]->node}});
    }
  }
  if (fits) return plan;
  placement_ledger ledger(nodes_);
  if (auto ok = put_primaries(plan, ledger); !ok) return fail(ok.error());
  return fail(errc::out_of_memory, "{} stages with {} copies each do not fit {} nodes", stages,
              empty_.redundancy, homes.size());
}

void placement_trial::add_shards(cluster_plan& plan, node_list homes, bool by_memory) const {
  sort_by_host(homes);
  std::vector<double> weights;
  for (const node_capacity* n : homes) {
    weights.push_back(std::max<double>(
        1, by_memory ? static_cast<double>(n->memory_bytes) : static_cast<double>(n->threads)));
  }
  const auto sets = cut_experts(sizes_, weights);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (!sets[i].empty()) plan.shards.push_back({sets[i], {homes[i]->node}});
  }
}

result<void> placement_trial::put_primaries(const cluster_plan& plan,
                                            placement_ledger& ledger) const {
  for (const placement_unit& u : units_of(plan, sizes_)) {
    const node_capacity& n = *ledger.find(u.copies.front());
    if (u.bytes() > ledger.free_bytes(n.node)) {
      return fail(errc::out_of_memory, "{} needs {}, node {} has {} free", u.label, u.needs(),
                  n.name, show_bytes(ledger.free_bytes(n.node)));
    }
    ledger.put(u, n.node);
  }
  return {};
}

result<cluster_plan> placement_trial::add_copies(cluster_plan plan, node_fit how) const {
  placement_ledger ledger(nodes_);
  if (auto ok = put_primaries(plan, ledger); !ok) return fail(ok.error());
  std::vector<placement_unit> units = units_of(plan, sizes_);
  for (std::uint32_t copies = 1; copies < plan.redundancy; ++copies) {
    for (const std::size_t i : largest_first(units)) {
      placement_unit& u = units[i];
      const peer_id node = ledger.choose(u, how);
      if (node == no_peer) {
        return fail(errc::out_of_memory, "copy {} of {} needs {}: {}", copies + 1, u.label,
                    u.needs(), ledger.why_none(u));
      }
      ledger.put(u, node);
      u.copies.push_back(node);
    }
  }
  write_copies(plan, units);
  return plan;
}

}  // namespace troupe
