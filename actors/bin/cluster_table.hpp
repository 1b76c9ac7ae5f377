#pragma once

#include <string>

#include "actors/gateway/cluster_json.hpp"

namespace troupe::cli {

/// What a person sees of a cluster: its state, the nodes that are not gone, the stages with their
/// copies, the last events.
[[nodiscard]] std::string to_text(const gateway::cluster_report& report);

}  // namespace troupe::cli
