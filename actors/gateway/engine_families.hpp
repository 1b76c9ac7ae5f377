#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "runtime/api/generation.hpp"

namespace troupe::gateway {

/// The engine's load as metric families. Pure.
[[nodiscard]] std::vector<prometheus::MetricFamily> engine_families(const engine_stats& stats);

}  // namespace troupe::gateway
