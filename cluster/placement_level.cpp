#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

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

  /// Time a row spends at each node, by what it leads for its threads, the longest first.
  [[nodiscard]] std::vector<double> times() const {
    std::vector<double> all;
    for (const node_capacity* n : ledger_.nodes()) all.push_back(time(*n, 0));
    std::ranges::sort(all, std::greater<>());
    return all;
  }

  /// Takes the lead of one unit off the slowest node that gains by it; false where none does.
  bool step(bool may_move) {
    const auto all = ledger_.nodes();
    std::vector<const node_capacity*> nodes(all.begin(), all.end());
    std::ranges::sort(nodes, {},
                      [&](const node_capacity* n) { return std::pair(-time(*n, 0), n->node); });
    return std::ranges::any_of(nodes,
                               [&](const node_capacity* from) { return relieve(*from, may_move); });
  }

  /// Gives a node that holds nothing the copy of a stage that does not lead, off the node that
  /// holds the most: it keeps up with it for that one, and is there when its leader is lost. False
  /// where no such copy may go there.
  bool employ() {
    return std::ranges::any_of(ledger_.nodes(), [&](const node_capacity* n) {
      return copies_on(n->node) == 0 && employ(*n);
    });
  }

  [[nodiscard]] std::span<const placement_unit> units() const { return units_; }

 private:
  struct change {
    std::size_t unit;
    peer_id to;
    double slowest;
  };

  bool relieve(const node_capacity& from, bool may_move) {
    const auto nodes = ledger_.nodes();
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

  [[nodiscard]] std::ptrdiff_t copies_on(peer_id node) const {
    return std::ranges::count_if(units_, [&](const placement_unit& u) { return u.is_on(node); });
  }

  bool employ(const node_capacity& idle) {
    placement_unit* best = nullptr;
    peer_id from = no_peer;
    std::ptrdiff_t most = 1;  // who holds one copy keeps it
    for (placement_unit& u : units_) {
      if (u.what != placement_unit::kind::stage || !ledger_.may_hold(u, idle) ||
          ledger_.free_bytes(idle.node) < u.bytes())
        continue;
      for (std::size_t i = 1; i < u.copies.size(); ++i) {
        const peer_id now = u.copies[i];
        const node_capacity* const holder = ledger_.find(now);
        if (holder == nullptr || copies_on(now) <= most) continue;
        if (ledger_.shares_host(u, idle.host, now) && !ledger_.shares_host(u, holder->host, now))
          continue;
        best = &u;
        from = now;
        most = copies_on(now);
      }
    }
    if (best == nullptr) return false;
    ledger_.take(*best, from);
    ledger_.put(*best, idle.node);
    std::ranges::replace(best->copies, from, idle.node);
    return true;
  }

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

/// Whether the slowest is faster by enough, or one of the next slowest where none before it is
/// slower: several nodes may be as slow as each other, and only few copies are moved at a time.
bool is_gain(const std::vector<double>& before, const std::vector<double>& after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (after[i] <= before[i] * worthwhile) return before[i] > 0;
    if (before[i] < after[i] * rounding) return false;
  }
  return false;
}

}  // namespace

cluster_plan level(const cluster_plan& plan, const model_sizes& sizes,
                   std::span<const node_capacity> nodes, std::uint32_t most_moves,
                   epoch_number epoch) {
  leveller l(plan, sizes, nodes);
  const std::vector<double> before = l.times();
  const bool may_copy = most_moves > 0;
  // Each step makes the slowest node faster, but a bound is simpler to be sure of.
  for (std::size_t left = 4 * l.units().size(); left > 0; --left) {
    if (l.step(false)) continue;
    if (most_moves == 0 || !l.step(true)) break;
    --most_moves;
  }
  if (!is_gain(before, l.times())) {
    l = leveller(plan, sizes, nodes);
    if (!may_copy || !l.employ()) return plan;
  }
  cluster_plan levelled = plan;
  levelled.epoch = epoch;
  write_copies(levelled, l.units());
  return levelled;
}

}  // namespace troupe
