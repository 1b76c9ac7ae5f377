#include "cluster/expert_traffic.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace troupe {
namespace {

// How many of the busiest node's experts, and of the idlest nodes, are tried for a copy.
constexpr std::size_t experts_tried = 8;
constexpr std::size_t nodes_tried = 4;

/// Less than this is rounding.
constexpr double noticeable = 1 - 1e-9;

double threads_of(const node_capacity& n) { return std::max(1U, n.threads); }

}  // namespace

expert_traffic::expert_traffic(const cluster_plan& plan, const model_sizes& sizes,
                               std::span<const node_capacity> nodes, const expert_loads& loads)
    : sizes_(sizes), loads_(loads), ledger_(nodes), layers_(sizes.layers.size()) {
  std::unordered_set<peer_id> busy, serving;
  for (const placement_unit& u : units_of(plan, sizes)) {
    for (const peer_id p : u.copies) {
      ledger_.put(u, p);
      busy.insert(p);
      if (u.what == placement_unit::kind::shard) serving.insert(p);
    }
  }
  std::unordered_map<peer_id, std::size_t> index;
  for (const node_capacity* n : ledger_.nodes()) {
    const bool idle = !busy.contains(n->node) && !n->draining && !n->suspect;
    if (!idle && !serving.contains(n->node)) continue;
    index.emplace(n->node, nodes_.size());
    nodes_.push_back(n);
    threads_ += threads_of(*n);
  }
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    layers_[i].experts.resize(sizes.layers[i].experts);
    layers_[i].times.assign(nodes_.size(), 0);
  }
  const auto hold = [&](std::uint32_t layer, std::uint32_t expert, peer_id p) {
    if (const auto at = index.find(p); at != index.end())
      layers_[layer].experts[expert].holders.push_back(at->second);
  };
  for (const shard_home& s : plan.shards) {
    for (const expert_range& r : s.owned) {
      for (std::uint32_t e = r.first; e < r.first + r.count; ++e) {
        for (const peer_id p : s.replicas) hold(r.layer, e, p);
        layers_[r.layer].experts[e].fixed = layers_[r.layer].experts[e].holders.size();
      }
    }
  }
  for (const hot_expert& h : plan.hot) {
    for (const peer_id p : h.copies) {
      ledger_.put_bytes(p, sizes.layers[h.layer].expert_bytes);
      hold(h.layer, h.expert, p);
    }
  }
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    layer_state& l = layers_[i];
    for (std::uint32_t e = 0; e < l.experts.size(); ++e) {
      l.experts[e].work =
          static_cast<double>(rows(i, e)) *
          static_cast<double>(std::max<std::size_t>(1, sizes.layers[i].expert_bytes));
      l.work += l.experts[e].work;
      share(l, l.experts[e], 1);
    }
  }
}

std::uint64_t expert_traffic::rows(std::uint32_t layer, std::uint32_t expert) const {
  if (layer >= loads_.size() || expert >= loads_[layer].size()) return 0;
  return loads_[layer][expert];
}

double expert_traffic::mean_rows(std::uint32_t layer) const {
  double sum = 0;
  for (std::uint32_t e = 0; e < layers_[layer].experts.size(); ++e)
    sum += static_cast<double>(rows(layer, e));
  return sum / static_cast<double>(layers_[layer].experts.size());
}

void expert_traffic::share(layer_state& l, const expert_state& e, double sign) {
  for (const std::size_t n : e.holders)
    l.times[n] += sign * e.work / static_cast<double>(e.holders.size()) / threads_of(*nodes_[n]);
}

double expert_traffic::slowest(std::uint32_t layer) const {
  return nodes_.empty() ? 0 : std::ranges::max(layers_[layer].times);
}

double expert_traffic::ideal(std::uint32_t layer) const {
  return threads_ > 0 ? layers_[layer].work / threads_ : 0;
}

double expert_traffic::squares(const layer_state& l) const {
  return std::inner_product(l.times.begin(), l.times.end(), l.times.begin(), 0.0);
}

load_spread expert_traffic::spread() const {
  load_spread out;
  std::vector<double> whole(nodes_.size(), 0);
  double waited = 0;
  double least = 0;
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    for (std::size_t n = 0; n < whole.size(); ++n) whole[n] += layers_[i].times[n];
    waited += slowest(i);
    least += ideal(i);
  }
  if (least <= 0 || whole.empty()) return out;
  out.nodes = std::ranges::max(whole) / least;
  out.steps = waited / least;
  return out;
}

expert_traffic::offer expert_traffic::with_copy(const layer_state& l, std::uint32_t expert,
                                                std::size_t node) const {
  const expert_state& e = l.experts[expert];
  const auto holders = static_cast<double>(e.holders.size());
  std::vector<double> times = l.times;
  for (const std::size_t n : e.holders)
    times[n] -= e.work * (1 / holders - 1 / (holders + 1)) / threads_of(*nodes_[n]);
  times[node] += e.work / (holders + 1) / threads_of(*nodes_[node]);
  return {expert, nodes_[node]->node, std::ranges::max(times),
          std::inner_product(times.begin(), times.end(), times.begin(), 0.0)};
}

std::optional<expert_traffic::offer> expert_traffic::best_copy(std::uint32_t layer,
                                                               std::uint32_t most) const {
  const layer_state& l = layers_[layer];
  if (nodes_.empty()) return std::nullopt;
  const auto busiest =
      static_cast<std::size_t>(std::ranges::max_element(l.times) - l.times.begin());
  std::vector<std::uint32_t> hottest;
  for (std::uint32_t e = 0; e < l.experts.size(); ++e) {
    const expert_state& s = l.experts[e];
    if (s.work > 0 && s.holders.size() - s.fixed < most &&
        std::ranges::find(s.holders, busiest) != s.holders.end())
      hottest.push_back(e);
  }
  std::ranges::stable_sort(hottest, [&](std::uint32_t a, std::uint32_t b) {
    return l.experts[a].work / static_cast<double>(l.experts[a].holders.size()) >
           l.experts[b].work / static_cast<double>(l.experts[b].holders.size());
  });
  if (hottest.size() > experts_tried) hottest.resize(experts_tried);
  std::vector<std::size_t> idlest(nodes_.size());
  std::iota(idlest.begin(), idlest.end(), 0U);
  std::ranges::stable_sort(idlest, {}, [&](std::size_t n) { return l.times[n]; });

  std::optional<offer> best;
  for (const std::uint32_t e : hottest) {
    std::size_t tried = 0;
    for (const std::size_t n : idlest) {
      if (tried == nodes_tried) break;
      const node_capacity& to = *nodes_[n];
      const auto& holders = l.experts[e].holders;
      if (to.draining || to.suspect || std::ranges::find(holders, n) != holders.end() ||
          ledger_.free_bytes(to.node) < sizes_.layers[layer].expert_bytes)
        continue;
      ++tried;
      const offer o = with_copy(l, e, n);
      if (!best || std::tie(o.slowest, o.squares) < std::tie(best->slowest, best->squares))
        best = o;
    }
  }
  if (!best) return std::nullopt;
  // Where several nodes are equally busy, relieving one is on the way to relieving all.
  const double now = slowest(layer);
  const bool faster = best->slowest < now * noticeable;
  const bool on_the_way =
      best->slowest * noticeable <= now && best->squares < squares(l) * noticeable;
  return faster || on_the_way ? best : std::nullopt;
}

void expert_traffic::add(std::uint32_t layer, std::uint32_t expert, peer_id node) {
  const auto at = std::ranges::find(nodes_, node, &node_capacity::node);
  layer_state& l = layers_[layer];
  expert_state& e = l.experts[expert];
  share(l, e, -1);
  e.holders.push_back(static_cast<std::size_t>(at - nodes_.begin()));
  share(l, e, 1);
  ledger_.put_bytes(node, sizes_.layers[layer].expert_bytes);
}

void expert_traffic::remove(std::uint32_t layer, std::uint32_t expert, peer_id node) {
  const auto at = std::ranges::find(nodes_, node, &node_capacity::node);
  layer_state& l = layers_[layer];
  expert_state& e = l.experts[expert];
  share(l, e, -1);
  std::erase(e.holders, static_cast<std::size_t>(at - nodes_.begin()));
  share(l, e, 1);
  ledger_.take_bytes(node, sizes_.layers[layer].expert_bytes);
}

std::vector<hot_expert> expert_traffic::hot() const {
  std::vector<hot_expert> out;
  for (std::uint32_t i = 0; i < layers_.size(); ++i) {
    for (std::uint32_t e = 0; e < layers_[i].experts.size(); ++e) {
      const expert_state& s = layers_[i].experts[e];
      if (s.holders.size() <= s.fixed) continue;
      out.push_back({i, e, {}});
      for (std::size_t k = s.fixed; k < s.holders.size(); ++k)
        out.back().copies.push_back(nodes_[s.holders[k]]->node);
    }
  }
  return out;
}

}  // namespace troupe
