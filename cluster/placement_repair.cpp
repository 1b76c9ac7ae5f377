#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "cluster/node_placement.hpp"
#include "cluster/placement_ledger.hpp"

namespace troupe {
namespace {

bool contains(std::span<const peer_id> peers, peer_id p) {
  return std::ranges::find(peers, p) != peers.end();
}

/// Keeps hot copies only where `keep` says so and the shard itself is not.
template <class Keep>
void prune_hot(cluster_plan& plan, const Keep& keep) {
  for (hot_expert& h : plan.hot) {
    std::erase_if(h.copies, [&](peer_id node) {
      return !keep(node) || std::ranges::any_of(plan.shards, [&](const shard_home& s) {
        return contains(s.replicas, node) &&
               std::ranges::any_of(s.owned, [&](const expert_range& r) {
                 return r.layer == h.layer && h.expert - r.first < r.count;
               });
      });
    });
  }
  std::erase_if(plan.hot, [](const hot_expert& h) { return h.copies.empty(); });
}

/// One repair: the units with the copies that stay, and what becomes of them.
class repairer {
 public:
  repairer(const cluster_plan& plan, const model_sizes& sizes, std::span<const node_capacity> nodes,
           epoch_number epoch)
      : sizes_(sizes), ledger_(nodes) {
    out_.plan = plan;
    out_.plan.epoch = epoch;
    units_ = units_of(plan, sizes);
    leaving_.resize(units_.size());
    for (std::size_t i = 0; i < units_.size(); ++i) sort_out(i);
    prune_hot(out_.plan, [&](peer_id p) {
      const node_capacity* const n = ledger_.find(p);
      return n != nullptr && !n->draining;
    });
    for (const hot_expert& h : out_.plan.hot) {
      for (const peer_id p : h.copies) ledger_.put_bytes(p, hot_bytes(h));
    }
  }

  result<repaired_plan> run() {
    const std::vector<std::size_t> order = largest_first(units_);
    // What is nowhere comes before what a draining node still has.
    for (const bool still_held : {false, true}) {
      for (const std::size_t i : order) {
        if (!units_[i].copies.empty() || leaving_[i].empty() == still_held) continue;
        if (auto ok = find_home(i); !ok) return fail(ok.error());
      }
    }
    for (std::uint32_t copies = 1; copies < out_.plan.redundancy; ++copies) {
      for (const std::size_t i : order) add_copy(i, copies);
    }
    for (placement_unit& u : units_) move_to_experts(u);
    write_copies(out_.plan, units_);
    prune_hot(out_.plan, [](peer_id) { return true; });
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t hot_bytes(const hot_expert& h) const {
    return sizes_.layers[h.layer].expert_bytes;
  }

  /// Which copies of a unit stay, which must leave, and which are lost already.
  void sort_out(std::size_t i) {
    placement_unit& u = units_[i];
    for (const peer_id p : std::exchange(u.copies, {})) {
      const node_capacity* const n = ledger_.find(p);
      if (n == nullptr) continue;
      if (n->draining) {
        leaving_[i].push_back(p);
      } else {
        u.copies.push_back(p);
        ledger_.put(u, p);
      }
    }
  }

  void place(placement_unit& u, peer_id node) {
    ledger_.put(u, node);
    u.copies.push_back(node);
  }

  /// A home for a unit without a copy that stays. While one is left on a draining node nothing is
  /// given up for it; else the copies of others make room.
  [[nodiscard]] result<void> find_home(std::size_t i) {
    placement_unit& u = units_[i];
    peer_id node = ledger_.choose(u);
    if (node == no_peer && !leaving_[i].empty()) {
      out_.missing.push_back(fmt::format("{} stays on draining node {}: it needs {}, {}", u.label,
                                         ledger_.find(leaving_[i].front())->name, u.needs(),
                                         ledger_.why_none(u)));
      node = leaving_[i].front();
    }
    if (node == no_peer) node = make_room(u);
    if (node == no_peer) {
      return fail(errc::out_of_memory, "{} needs {}: {}", u.label, u.needs(), ledger_.why_none(u));
    }
    place(u, node);
    return {};
  }

  /// Copies on `node` that others can do without, the largest first, as few as make room for `u`;
  /// nothing where even all of them do not.
  [[nodiscard]] std::optional<std::vector<std::size_t>> spare_copies(const placement_unit& u,
                                                                     peer_id node) const {
    std::size_t room = ledger_.free_bytes(node);
    std::vector<std::size_t> spared;
    for (const std::size_t i : largest_first(units_)) {
      if (room >= u.bytes()) break;
      if (units_[i].copies.size() < 2 || !units_[i].is_on(node)) continue;
      room += units_[i].bytes();
      spared.push_back(i);
    }
    if (room < u.bytes()) return std::nullopt;
    return spared;
  }

  /// Gives up copies of other units on the node where the fewest, those that lead last, do; what
  /// was given up is placed again afterwards, where there is room.
  [[nodiscard]] peer_id make_room(const placement_unit& u) {
    drop_hot();
    if (const peer_id node = ledger_.choose(u); node != no_peer) return node;
    peer_id best = no_peer;
    std::vector<std::size_t> best_spared;
    std::tuple<std::size_t, std::size_t> best_rank;
    for (const node_capacity* n : ledger_.nodes()) {
      if (!ledger_.may_hold(u, *n)) continue;
      auto spared = spare_copies(u, n->node);
      if (!spared) continue;
      const auto leading = std::ranges::count_if(
          *spared, [&](std::size_t i) { return units_[i].copies.front() == n->node; });
      const std::tuple rank(static_cast<std::size_t>(leading), spared->size());
      if (best != no_peer && rank >= best_rank) continue;
      best = n->node;
      best_rank = rank;
      best_spared = std::move(*spared);
    }
    for (const std::size_t i : best_spared) {
      ledger_.take(units_[i], best);
      std::erase(units_[i].copies, best);
    }
    return best;
  }

  /// Hot copies only spread load: they are the first to make room.
  void drop_hot() {
    for (const hot_expert& h : std::exchange(out_.plan.hot, {})) {
      for (const peer_id p : h.copies) ledger_.take_bytes(p, hot_bytes(h));
    }
  }

  void add_copy(std::size_t i, std::uint32_t copies) {
    placement_unit& u = units_[i];
    if (u.copies.size() > copies) return;
    if (const peer_id node = ledger_.choose(u); node != no_peer) {
      place(u, node);
      return;
    }
    out_.missing.push_back(fmt::format("{} has {} of {} copies: another needs {}, {}", u.label,
                                       u.copies.size(), out_.plan.redundancy, u.needs(),
                                       ledger_.why_none(u)));
  }

  /// Copies of a shard that ordinary nodes took for want of others go to nodes for experts only,
  /// once there are such with room.
  void move_to_experts(placement_unit& u) {
    if (u.what != placement_unit::kind::shard) return;
    for (peer_id& copy : u.copies) {
      const node_capacity* const from = ledger_.find(copy);
      if (from == nullptr || from->experts_only) continue;
      const peer_id to = ledger_.choose(u);
      if (to == no_peer || !ledger_.find(to)->experts_only) return;
      ledger_.take(u, copy);
      ledger_.put(u, to);
      copy = to;
    }
  }

  const model_sizes& sizes_;
  placement_ledger ledger_;
  repaired_plan out_;
  std::vector<placement_unit> units_;
  std::vector<std::vector<peer_id>> leaving_;  ///< of each unit, on draining nodes
};

}  // namespace

promotion promote(const cluster_plan& plan, std::span<const peer_id> lost, epoch_number epoch) {
  promotion out;
  out.plan = plan;
  out.plan.epoch = epoch;
  const auto count_missing = [&](std::size_t copies) {
    if (copies < plan.redundancy)
      out.missing += plan.redundancy - static_cast<std::uint32_t>(copies);
  };
  for (std::uint32_t i = 0; i < out.plan.stages.size(); ++i) {
    stage_home& home = out.plan.stages[i];
    std::erase_if(home.buddies, [&](peer_id p) { return contains(lost, p); });
    if (contains(lost, home.primary)) home.primary = no_peer;
    if (home.primary == no_peer && !home.buddies.empty()) {
      home.primary = home.buddies.front();
      home.buddies.erase(home.buddies.begin());
      out.taken_over.push_back(i);
    }
    if (home.primary == no_peer) out.homeless_stages.push_back(i);
    count_missing(home.buddies.size() + (home.primary == no_peer ? 0 : 1));
  }
  for (std::uint32_t i = 0; i < out.plan.shards.size(); ++i) {
    shard_home& home = out.plan.shards[i];
    std::erase_if(home.replicas, [&](peer_id p) { return contains(lost, p); });
    if (home.replicas.empty()) out.homeless_shards.push_back(i);
    if (plan.experts == expert_home::apart) count_missing(home.replicas.size());
  }
  prune_hot(out.plan, [&](peer_id p) { return !contains(lost, p); });
  return out;
}

result<repaired_plan> repair(const cluster_plan& plan, const model_sizes& sizes,
                             std::span<const node_capacity> nodes, epoch_number epoch) {
  return repairer(plan, sizes, nodes, epoch).run();
}

result<repaired_plan> drain(const cluster_plan& plan, const model_sizes& sizes,
                            std::span<const node_capacity> nodes, peer_id node,
                            epoch_number epoch) {
  std::vector<node_capacity> now(nodes.begin(), nodes.end());
  const auto leaver = std::ranges::find(now, node, &node_capacity::node);
  if (leaver == now.end())
    return fail(errc::not_found, "cannot drain peer {:016x}: there is no such node", node);
  leaver->draining = true;
  auto repaired = repair(plan, sizes, now, epoch);
  if (!repaired) return repaired;
  for (const placement_unit& u : units_of(repaired->plan, sizes)) {
    if (!u.is_on(node)) continue;
    placement_ledger ledger(now);
    for (const placement_unit& other : units_of(repaired->plan, sizes)) {
      for (const peer_id p : other.copies) ledger.put(other, p);
    }
    return fail(errc::out_of_memory, "cannot drain {}: {} needs {}, {}", leaver->name, u.label,
                u.needs(), ledger.why_none(u));
  }
  return repaired;
}

}  // namespace troupe
