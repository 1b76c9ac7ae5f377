#include "cluster/expert_cuts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace troupe {
namespace {

/// Whole experts for each shard, `experts` in all, as near as can be to what each is owed.
std::vector<std::uint32_t> whole_shares(std::span<const double> owed, std::uint32_t experts) {
  std::vector<std::uint32_t> counts(owed.size());
  for (std::size_t i = 0; i < owed.size(); ++i)
    counts[i] = static_cast<std::uint32_t>(std::max(0.0, std::floor(owed[i])));
  std::vector<std::size_t> order(owed.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto rest = [&](std::size_t i) { return owed[i] - counts[i]; };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return rest(a) > rest(b); });
  auto given = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  for (std::size_t i = 0; given < experts; i = (i + 1) % order.size(), ++given) ++counts[order[i]];
  // Shards that have more than their due are owed less than nothing, so the others' can be too
  // much.
  for (std::size_t i = order.size() - 1; given > experts; i = (i == 0 ? order.size() : i) - 1) {
    if (counts[order[i]] == 0) continue;
    --counts[order[i]];
    --given;
  }
  return counts;
}

}  // namespace

std::vector<std::vector<expert_range>> cut_experts(const model_sizes& sizes,
                                                   std::span<const double> weights) {
  std::vector<std::vector<expert_range>> shards(weights.size());
  if (weights.empty()) return shards;
  const double whole = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> owed(weights.size(), 0);  // bytes
  std::vector<double> experts(weights.size());
  for (std::uint32_t layer = 0; layer < sizes.layers.size(); ++layer) {
    const layer_sizes& l = sizes.layers[layer];
    const double each = std::max(1.0, static_cast<double>(l.expert_bytes));
    for (std::size_t i = 0; i < owed.size(); ++i) {
      owed[i] += each * l.experts * weights[i] / whole;
      experts[i] = owed[i] / each;
    }
    const std::vector<std::uint32_t> counts = whole_shares(experts, l.experts);
    std::uint32_t first = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      shards[i].push_back({layer, first, counts[i]});
      first += counts[i];
      owed[i] -= each * counts[i];
    }
  }
  return shards;
}

}  // namespace troupe
