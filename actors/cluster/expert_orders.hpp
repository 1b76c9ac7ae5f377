#pragma once

#include "actors/cluster/control.hpp"
#include "cluster/node_placement.hpp"

namespace troupe {

/// Writes into orders where a plan has its experts, if they live apart from the stages.
void order_experts(const cluster_plan& plan, node_orders& orders);

/// The experts of a plan as orders have them; its stages are left out.
[[nodiscard]] cluster_plan experts_of(const node_orders& orders);

}  // namespace troupe
