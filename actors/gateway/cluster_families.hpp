#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "cluster/cluster_view.hpp"

namespace troupe::gateway {

/// A cluster, as its leader sees it, as metric families. Pure.
[[nodiscard]] std::vector<prometheus::MetricFamily> cluster_families(const cluster_view& view);

}  // namespace troupe::gateway
