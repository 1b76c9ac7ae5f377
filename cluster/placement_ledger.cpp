#include "cluster/placement_ledger.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace troupe {
namespace {

using kind = placement_unit::kind;

placement_unit stage_unit(const cluster_plan& plan, const model_sizes& sizes, std::uint32_t index) {
  const stage_home& home = plan.stages[index];
  placement_unit u;
  u.index = index;
  u.weights = sizes.stage_bytes(home.layers);
  u.kv = plan.kv_layer_bytes * home.layers.count();
  for (std::uint32_t i = home.layers.first; i < home.layers.last; ++i)
    u.cost += sizes.attention_cost(i);
  if (plan.experts == expert_home::with_stage) {
    u.weights += sizes.expert_bytes(all_experts(sizes, home.layers));
    for (std::uint32_t i = home.layers.first; i < home.layers.last; ++i)
      u.cost += sizes.expert_cost(i);
  }
  u.label =
      fmt::format("stage {} (layers {} to {})", index, home.layers.first, home.layers.last - 1);
  if (home.primary != no_peer) u.copies.push_back(home.primary);
  u.copies.insert(u.copies.end(), home.buddies.begin(), home.buddies.end());
  return u;
}

placement_unit shard_unit(const cluster_plan& plan, const model_sizes& sizes, std::uint32_t index) {
  const shard_home& home = plan.shards[index];
  placement_unit u;
  u.what = kind::shard;
  u.index = index;
  u.weights = sizes.expert_bytes(home.owned);
  for (const expert_range& r : home.owned)
    u.cost += sizes.expert_cost(r.layer) * r.count / sizes.layers[r.layer].experts;
  u.label = fmt::format("expert shard {}", index);
  u.copies = home.replicas;
  return u;
}

}  // namespace

bool placement_unit::is_on(peer_id node) const {
  return std::ranges::find(copies, node) != copies.end();
}

std::string placement_unit::needs() const {
  if (what == kind::shard) return show_bytes(weights) + " of weights";
  return fmt::format("{} of weights and {} of KV", show_bytes(weights), show_bytes(kv));
}

std::vector<placement_unit> units_of(const cluster_plan& plan, const model_sizes& sizes) {
  std::vector<placement_unit> units;
  for (std::uint32_t i = 0; i < plan.stages.size(); ++i)
    units.push_back(stage_unit(plan, sizes, i));
  if (plan.experts == expert_home::with_stage) return units;
  for (std::uint32_t i = 0; i < plan.shards.size(); ++i)
    units.push_back(shard_unit(plan, sizes, i));
  return units;
}

void write_copies(cluster_plan& plan, std::span<const placement_unit> units) {
  for (const placement_unit& u : units) {
    if (u.what == kind::shard) {
      plan.shards[u.index].replicas = u.copies;
      continue;
    }
    stage_home& home = plan.stages[u.index];
    home.primary = u.copies.empty() ? no_peer : u.copies.front();
    home.buddies.assign(u.copies.begin() + (u.copies.empty() ? 0 : 1), u.copies.end());
    if (plan.experts == expert_home::with_stage) plan.shards[u.index].replicas = u.copies;
  }
}

std::vector<std::size_t> largest_first(std::span<const placement_unit> units) {
  std::vector<std::size_t> order(units.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (units[a].what != units[b].what) return units[a].what == kind::stage;
    return units[a].bytes() > units[b].bytes();
  });
  return order;
}

placement_ledger::placement_ledger(std::span<const node_capacity> nodes) : accounts_(nodes.size()) {
  for (const node_capacity& n : nodes) nodes_.push_back(&n);
  std::ranges::sort(nodes_, [](const node_capacity* a, const node_capacity* b) {
    return std::tie(a->name, a->node) < std::tie(b->name, b->node);
  });
  for (std::size_t i = 0; i < nodes_.size(); ++i) index_.emplace(nodes_[i]->node, i);
}

std::size_t placement_ledger::at(peer_id node) const {
  const auto found = index_.find(node);
  return found == index_.end() ? nodes_.size() : found->second;
}

std::size_t placement_ledger::free_at(std::size_t i) const {
  return nodes_[i]->memory_bytes - std::min(nodes_[i]->memory_bytes, accounts_[i].used);
}

const node_capacity* placement_ledger::find(peer_id node) const {
  const std::size_t i = at(node);
  return i < nodes_.size() ? nodes_[i] : nullptr;
}

std::size_t placement_ledger::free_bytes(peer_id node) const {
  const std::size_t i = at(node);
  return i < nodes_.size() ? free_at(i) : 0;
}

void placement_ledger::put(const placement_unit& unit, peer_id node) {
  const std::size_t i = at(node);
  if (i == nodes_.size()) return;
  accounts_[i].used += unit.bytes();
  ++(unit.what == kind::stage ? accounts_[i].stages : accounts_[i].shards);
}

void placement_ledger::take(const placement_unit& unit, peer_id node) {
  const std::size_t i = at(node);
  if (i == nodes_.size()) return;
  accounts_[i].used -= unit.bytes();
  --(unit.what == kind::stage ? accounts_[i].stages : accounts_[i].shards);
}

void placement_ledger::put_bytes(peer_id node, std::size_t bytes) {
  if (const std::size_t i = at(node); i < nodes_.size()) accounts_[i].used += bytes;
}

void placement_ledger::take_bytes(peer_id node, std::size_t bytes) {
  if (const std::size_t i = at(node); i < nodes_.size()) accounts_[i].used -= bytes;
}

bool placement_ledger::may_hold(const placement_unit& unit, const node_capacity& node) const {
  const bool fit_for = unit.what == kind::shard || !node.experts_only;
  return fit_for && !node.draining && !node.suspect && !unit.is_on(node.node);
}

bool placement_ledger::mixes(const placement_unit& unit, peer_id node) const {
  const std::size_t i = at(node);
  if (i == nodes_.size()) return false;
  return (unit.what == kind::stage ? accounts_[i].shards : accounts_[i].stages) > 0;
}

bool placement_ledger::shares_host(const placement_unit& unit, const std::string& host,
                                   peer_id but) const {
  return std::ranges::any_of(unit.copies, [&](peer_id other) {
    const node_capacity* const o = find(other);
    return other != but && o != nullptr && o->host == host;
  });
}

peer_id placement_ledger::choose(const placement_unit& unit, node_fit how) const {
  peer_id best = no_peer;
  std::tuple<bool, bool, bool, double> best_rank;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const node_capacity& n = *nodes_[i];
    if (!may_hold(unit, n) || free_at(i) < unit.bytes()) continue;
    const bool same_host = shares_host(unit, n.host);
    const auto left = static_cast<double>(free_at(i) - unit.bytes());
    const double room = how == node_fit::tightest
                            ? left
                            : -left / std::max<double>(1, static_cast<double>(n.memory_bytes));
    const bool second_choice = unit.what == kind::shard && !n.experts_only;
    const std::tuple rank(second_choice, mixes(unit, n.node), same_host, room);
    if (best != no_peer && rank >= best_rank) continue;
    best = n.node;
    best_rank = rank;
  }
  return best;
}

std::string placement_ledger::why_none(const placement_unit& unit) const {
  const node_capacity* roomiest = nullptr;
  for (const node_capacity* n : nodes_) {
    if (!may_hold(unit, *n)) continue;
    if (roomiest == nullptr || free_bytes(n->node) > free_bytes(roomiest->node)) roomiest = n;
  }
  if (roomiest == nullptr) return "there is no other node for it";
  return fmt::format("node {} has the most free: {} of {}", roomiest->name,
                     show_bytes(free_bytes(roomiest->node)), show_bytes(roomiest->memory_bytes));
}

}  // namespace troupe
