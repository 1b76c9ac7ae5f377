#pragma once

#include "runtime/config/engine_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes the tables [engine] and [speculation]. `config` must outlive the schema.
void describe(config_schema& schema, engine_config& config);

}  // namespace troupe
