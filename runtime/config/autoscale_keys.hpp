#pragma once

#include <cstdint>

#include "runtime/base/result.hpp"
#include "runtime/config/autoscale_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes the table [autoscale]. `config` must outlive the schema.
void describe(config_schema& schema, autoscale_config& config);

/// What no key can check alone: that highs are above lows, and that there is a range of nodes to
/// move in, where the cluster begins with `nodes`. Sets `least` where it was left open.
[[nodiscard]] result<void> check(autoscale_config& config, std::uint32_t nodes);

}  // namespace troupe
