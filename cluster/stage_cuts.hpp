#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/engine/attention_stage.hpp"

namespace troupe {

/// Where a range of layers may go.
struct stage_slot {
  double speed = 1;          ///< what its share of the cost is in proportion to
  std::size_t bytes = 0;     ///< the most that the range may take
  std::uint32_t layers = 1;  ///< the fewest that it may have
};

/// Cuts layers [0, costs.size()) into one range for each slot, in the order of the slots: the
/// largest of cost/speed is as small as can be, the rest as even as that allows, and no range takes
/// more than its slot has (`bytes_of`, which grows with the range). out_of_memory, with the first
/// layer that fits nowhere, where there is no such cut; invalid_argument for no slots, or more
/// slots than layers.
[[nodiscard]] result<std::vector<layer_range>> cut_stages(
    std::span<const double> costs, std::span<const stage_slot> slots,
    const std::function<std::size_t(layer_range)>& bytes_of);

}  // namespace troupe
