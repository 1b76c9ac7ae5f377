#include "cluster/placement.hpp"

#include <algorithm>

namespace troupe {

std::vector<std::uint32_t> placement::shards_of(std::uint32_t layer) const {
  std::vector<std::uint32_t> holders;
  for (std::uint32_t i = 0; i < shards.size(); ++i) {
    if (std::ranges::any_of(shards[i], [&](const expert_range& r) { return r.layer == layer; }))
      holders.push_back(i);
  }
  return holders;
}

result<placement> plan_placement(const model_config& model, std::uint32_t stages,
                                 std::uint32_t shards, epoch_number epoch) {
  if (stages == 0 || stages > model.layers) {
    return fail(errc::invalid_argument, "{} stages: a model of {} layers takes 1 to {}", stages,
                model.layers, model.layers);
  }
  if (shards == 0) return fail(errc::invalid_argument, "0 expert shards: at least 1 is needed");
  placement p;
  p.epoch = epoch;
  const auto cut = [](std::uint32_t whole, std::uint32_t part, std::uint32_t parts) {
    return static_cast<std::uint32_t>(std::uint64_t{whole} * part / parts);
  };
  for (std::uint32_t i = 0; i < stages; ++i) {
    p.stages.push_back({cut(model.layers, i, stages), cut(model.layers, i + 1, stages)});
  }
  p.shards.resize(shards);
  for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
    if (!model.is_sparse(layer)) {
      p.shards[layer % shards].push_back({layer, 0, 1});
      continue;
    }
    for (std::uint32_t i = 0; i < shards; ++i) {
      const std::uint32_t first = cut(model.experts, i, shards);
      const std::uint32_t last = cut(model.experts, i + 1, shards);
      if (first < last) p.shards[i].push_back({layer, first, last - first});
    }
  }
  std::erase_if(p.shards, [](const auto& owned) { return owned.empty(); });
  return p;
}

}  // namespace troupe
