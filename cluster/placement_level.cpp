#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "cluster/node_placement.hpp"
#include "cluster/placement_ledger.hpp"

namespace troupe {
namespace {

/// Copying weights and KV must gain this much; the whole must, too.
constexpr double worthwhile = 0.9;
/// Sums of the same costs in another order differ by less than this.
constexpr double rounding = 1 - 1e-9;

class leveller {
 public:
  leveller(const cluster_plan& plan, const model_sizes& sizes, std::span<const node_capacity> nodes)
      : units_(units_of(plan, sizes)), ledger_(nodes) {
    for (const placement_unit& u : units_) {
      for (const peer_id p : u.copies) ledger_.put(u, p);
      if (!u.copies.empty()) led_[u.copies.front()] += u.cost;
    }
    for (const hot_expert& h : plan.hot) {
      for (const peer_id p : h.copies) ledger_.put_bytes(p, sizes.layers[h.layer].expert_bytes);
    }
  }

  /// Time a row spends at the node that leads most for its threads.
  [[nodiscard]] double slowest() const {
    double most = 0;
    for (const node_capacity* n : ledger_.nodes()) most = std::max(most, time(*n, 0));
    return most;
  }

  /// Takes the lead of one unit off the slowest node; false where that gains nothing.
  bool step(bool may_move) {
    const auto nodes = ledger_.nodes();
    if (nodes.empty()) return false;
    const node_capacity& from =
        **std::ranges::max_element(nodes, {}, [&](const node_capacity* n) { return time(*n, 0); });
    const double before = time(from, 0);
    std::optional<change> best;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const placement_unit& u = units_[i];
      if (u.copies.empty() || u.copies.front() != from.node) continue;
      for (const node_capacity* n : nodes) {
        if (n->draining || n->suspect || n == &from) continue;
        const bool holds = u.is_on(n->node);
        if (may_move == holds) continue;
        if (!holds && (!ledger_.may_hold(u, *n) || ledger_.free_bytes(n->node) < u.bytes() ||
                       ledger_.mixes(u, n->node)))
          continue;
        const double after = std::max(time(from, -u.cost), time(*n, u.cost));
        if (after >= before * (holds ? rounding : worthwhile)) continue;
        if (!best || after < best->slowest * rounding) best = change{i, n->node, after};
      }
    }
    if (!best) return false;
    lead(units_[best->unit], best->to);
    return true;
  }

  [[nodiscard]] std::span<const placement_unit> units() const { return units_; }

 private:
  struct change {
    std::size_t unit;
    peer_id to;
    double slowest;
  };

  [[nodiscard]] double time(const node_capacity& n, double added) const {
    const auto found = led_.find(n.node);
    return ((found == led_.end() ? 0 : found->second) + added) / std::max(1U, n.threads);
  }

  void lead(placement_unit& u, peer_id to) {
    const peer_id from = u.copies.front();
    const auto held = std::ranges::find(u.copies, to);
    if (held != u.copies.end()) {
      std::swap(u.copies.front(), *held);
    } else {
      ledger_.take(u, from);
      ledger_.put(u, to);
      u.copies.front() = to;
    }
    led_[from] -= u.cost;
    led_[to] += u.cost;
  }

  std::vector<placement_unit> units_;
  placement_ledger ledger_;
  std::map<peer_id, double> led_;  ///< cost of what each leads
};

}  // namespace

cluster_plan level(const cluster_plan& plan, const model_sizes& sizes,
                   std::span<const node_capacity> nodes, std::uint32_t most_moves,
                   epoch_number epoch) {
  leveller l(plan, sizes, nodes);
  const double before = l.slowest();
  // Each step makes the slowest node faster, but a bound is simpler to be sure of.
  for (std::size_t left = 4 * l.units().size(); left > 0; --left) {
    if (l.step(false)) continue;
    if (most_moves == 0 || !l.step(true)) break;
    --most_moves;
  }
  if (l.slowest() > before * worthwhile) return plan;
  cluster_plan levelled = plan;
  levelled.epoch = epoch;
  write_copies(levelled, l.units());
  return levelled;
}

}  // namespace troupe
