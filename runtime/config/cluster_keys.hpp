#pragma once

#include "runtime/base/result.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes the table [cluster]. `config` must outlive the schema.
void describe(config_schema& schema, cluster_config& config);
/// The same without worker processes of one's own: for a program whose nodes are started elsewhere.
void describe_without_workers(config_schema& schema, cluster_config& config);

/// What no key can check alone: that a node is suspect before it is gone, and that experts' workers
/// are not alone.
[[nodiscard]] result<void> check(const cluster_config& config);

}  // namespace troupe
