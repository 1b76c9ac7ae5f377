#include "cluster/node_placement.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "cluster/placement_trial.hpp"

namespace troupe {
namespace {

constexpr std::size_t most_trials = 16;  // numbers of stages tried where the number is free

/// One model, its nodes and wishes: what every attempt shares.
class planner {
 public:
  planner(const model_sizes& sizes, std::span<const node_capacity> nodes,
          const placement_wishes& wishes, epoch_number epoch)
      : sizes_(sizes), all_(nodes), wishes_(wishes) {
    base_.epoch = epoch;
    base_.experts = wishes.experts;
    base_.redundancy = wishes.redundancy;
    base_.kv_layer_bytes = wishes.kv_positions * wishes.kv_position_bytes;
    for (const node_capacity& n : nodes) {
      const bool wanted = !n.experts_only || wishes.experts == expert_home::apart;
      if (!n.draining && !n.suspect && wanted) usable_.push_back(&n);
    }
    std::ranges::sort(usable_, [](const node_capacity* a, const node_capacity* b) {
      return std::tie(a->name, a->node) < std::tie(b->name, b->node);
    });
  }

  result<cluster_plan> plan() {
    if (auto ok = check(); !ok) return fail(ok.error());
    if (wishes_.experts == expert_home::with_stage) return plan_stages(usable_, {});
    const auto [stage_homes, expert_homes] = by_purpose();
    return expert_homes.empty() ? plan_apart() : plan_stages(stage_homes, expert_homes);
  }

 private:
  [[nodiscard]] std::uint32_t layers() const {
    return static_cast<std::uint32_t>(sizes_.layers.size());
  }

  [[nodiscard]] result<void> check() const {
    if (sizes_.layers.empty()) return fail(errc::invalid_argument, "a model of 0 layers");
    if (wishes_.redundancy == 0)
      return fail(errc::invalid_argument, "redundancy 0: at least 1 copy is needed");
    if (wishes_.stages > layers()) {
      return fail(errc::invalid_argument, "{} stages: a model of {} layers takes 1 to {}",
                  wishes_.stages, layers(), layers());
    }
    std::vector<peer_id> ids;
    for (const node_capacity& n : all_) ids.push_back(n.node);
    std::ranges::sort(ids);
    if (!ids.empty() && (ids.front() == no_peer || std::ranges::adjacent_find(ids) != ids.end()))
      return fail(errc::invalid_argument, "a node is listed twice, or has no peer id");
    const std::size_t least =
        std::max<std::size_t>(wishes_.redundancy, wishes_.experts == expert_home::apart ? 2 : 1);
    if (usable_.size() < least) {
      return fail(errc::invalid_argument, "redundancy {}{} needs {} nodes: {} can be used",
                  wishes_.redundancy,
                  wishes_.experts == expert_home::apart ? " with experts apart" : "", least,
                  usable_.size());
    }
    const std::size_t kv = base_.kv_layer_bytes * layers();
    const double need =
        static_cast<double>(sizes_.total_bytes() + kv) * static_cast<double>(wishes_.redundancy);
    const auto for_stages = static_cast<std::size_t>(
        std::ranges::count_if(usable_, [](const node_capacity* n) { return !n->experts_only; }));
    if (for_stages < wishes_.redundancy) {
      return fail(errc::invalid_argument,
                  "redundancy {} needs {} nodes that may hold stages: of {} nodes {} may",
                  wishes_.redundancy, wishes_.redundancy, usable_.size(), for_stages);
    }
    std::size_t have = 0;
    for (const node_capacity* n : usable_) have += n->memory_bytes;
    if (need <= static_cast<double>(have)) return {};
    return fail(
        errc::out_of_memory,
        "the model needs {} of weights and {} of KV, with redundancy {} {} in all: {} nodes "
        "have {}",
        show_bytes(sizes_.total_bytes()), show_bytes(kv), wishes_.redundancy,
        show_bytes(static_cast<std::size_t>(need)), usable_.size(), show_bytes(have));
  }

  /// The first approach that fits, or why the likeliest one does not.
  [[nodiscard]] result<cluster_plan> attempt(const node_list& homes, std::uint32_t stages,
                                             const node_list& expert_homes) const {
    const placement_trial trial(sizes_, all_, base_);
    std::optional<error> first;
    for (const placement_approach& how : placement_approaches) {
      auto plan = trial.place(homes, stages, expert_homes, how);
      if (plan) return plan;
      if (!first) first = std::move(plan.error());
    }
    return fail(std::move(*first));
  }

  /// Nodes that may hold stages, and those for experts only.
  [[nodiscard]] std::pair<node_list, node_list> by_purpose() const {
    std::pair<node_list, node_list> out;
    for (const node_capacity* n : usable_) (n->experts_only ? out.second : out.first).push_back(n);
    return out;
  }

  /// As many stages as wished, or as there are nodes for and fewer until they fit.
  [[nodiscard]] result<cluster_plan> plan_stages(const node_list& homes,
                                                 const node_list& expert_homes) const {
    if (wishes_.stages > 0) return attempt(homes, wishes_.stages, expert_homes);
    auto stages = static_cast<std::uint32_t>(std::min<std::size_t>(homes.size(), layers()));
    auto plan = attempt(homes, stages, expert_homes);
    while (!plan && stages > 1) {
      stages -= std::max<std::uint32_t>(1, stages / most_trials);
      if (auto fewer = attempt(homes, stages, expert_homes)) return fewer;
    }
    return plan;
  }

  /// Numbers of nodes to give to the stages, the likeliest first: in proportion to what rows cost,
  /// and so that either side can keep its copies among its own.
  [[nodiscard]] std::vector<std::size_t> stage_pools() const {
    double attention = 0;
    double experts = 0;
    for (std::uint32_t i = 0; i < layers(); ++i) {
      attention += sizes_.attention_cost(i);
      experts += sizes_.expert_cost(i);
    }
    const double ideal = wishes_.stages > 0 ? wishes_.stages
                                            : static_cast<double>(usable_.size()) * attention /
                                                  std::max(1.0, attention + experts);
    std::vector<std::size_t> pools(usable_.size() - 1);
    std::iota(pools.begin(), pools.end(), 1U);
    std::ranges::stable_sort(pools, {}, [&](std::size_t stages) {
      const std::size_t least = std::min(stages, usable_.size() - stages);
      return std::tuple(least < wishes_.redundancy, std::abs(static_cast<double>(stages) - ideal));
    });
    if (pools.size() > most_trials) pools.resize(most_trials);
    return pools;
  }

  [[nodiscard]] result<cluster_plan> plan_apart() const {
    const layer_range all{0, layers()};
    const auto experts = static_cast<double>(sizes_.expert_bytes(all_experts(sizes_, all)));
    const auto attention =
        static_cast<double>(sizes_.stage_bytes(all) + base_.kv_layer_bytes * layers());
    node_list by_room = usable_;
    std::ranges::stable_sort(by_room, [](const node_capacity* a, const node_capacity* b) {
      return a->memory_bytes > b->memory_bytes;
    });
    std::optional<error> first;
    for (const std::size_t pool : stage_pools()) {
      // The side that needs more of each node gets the roomier ones.
      const auto rest = static_cast<double>(usable_.size() - pool);
      node_list nodes = by_room;
      if (attention / static_cast<double>(pool) <= experts / rest)
        std::rotate(nodes.begin(), nodes.end() - static_cast<std::ptrdiff_t>(pool), nodes.end());
      const auto split = nodes.begin() + static_cast<std::ptrdiff_t>(pool);
      const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(pool, layers()));
      auto plan = attempt({nodes.begin(), split}, wishes_.stages > 0 ? wishes_.stages : most,
                          {split, nodes.end()});
      if (plan) return plan;
      if (!first) first = std::move(plan.error());
    }
    return fail(std::move(*first));
  }

  const model_sizes& sizes_;
  std::span<const node_capacity> all_;
  const placement_wishes& wishes_;
  cluster_plan base_;
  node_list usable_;
};

}  // namespace

result<cluster_plan> plan_cluster(const model_sizes& sizes, std::span<const node_capacity> nodes,
                                  const placement_wishes& wishes, epoch_number epoch) {
  return planner(sizes, nodes, wishes, epoch).plan();
}

}  // namespace troupe
