#pragma once

#include "runtime/config/cache_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes the keys of tiers, in a table that has begun. `tiers` must outlive the schema.
void describe_tiers(config_schema& schema, tier_config& tiers);

/// Describes the table [cache]. `config` must outlive the schema.
void describe(config_schema& schema, cache_config& config);

}  // namespace troupe
