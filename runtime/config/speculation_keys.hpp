#pragma once

#include "runtime/config/schema.hpp"
#include "runtime/config/speculation_config.hpp"

namespace troupe {

/// Describes the table [speculation]. `config` must outlive the schema.
void describe(config_schema& schema, speculation_config& config);

}  // namespace troupe
