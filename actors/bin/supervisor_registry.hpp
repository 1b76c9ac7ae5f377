#pragma once

#include <memory>

#include "actors/bin/serve_config.hpp"
#include "cluster/leadership/registry.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// The registry that the settings name; https:// endpoints are shown the cluster's certificate.
/// invalid_argument where an endpoint is no URL.
[[nodiscard]] result<std::unique_ptr<leader_registry>> open_registry(
    const supervisor_config& config);

}  // namespace troupe::cli
