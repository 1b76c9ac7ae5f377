#pragma once

#include <span>
#include <vector>

#include "cluster/model_sizes.hpp"

namespace troupe {

/// Splits every layer's experts into one set a shard, in proportion to the weights (positive): each
/// set has at most one range a layer, and what whole experts leave uneven in one layer the next
/// ones make up for. A set may stay empty where there are few experts.
[[nodiscard]] std::vector<std::vector<expert_range>> cut_experts(const model_sizes& sizes,
                                                                 std::span<const double> weights);

}  // namespace troupe
