#pragma once

#include "runtime/config/cache_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes the table [cache]. `config` must outlive the schema.
void describe(config_schema& schema, cache_config& config);

}  // namespace troupe
