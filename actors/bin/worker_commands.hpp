#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "actors/bin/node_options.hpp"
#include "actors/bin/worker_processes.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/engine_config.hpp"

namespace troupe::cli {

/// What the nodes that a process starts take over from its own settings.
[[nodiscard]] node_options node_options_by(const engine_config& engine,
                                           const cluster_config& cluster, std::string log_level,
                                           log_format log_as);

/// The nodes "worker-0", "worker-1" ... as child processes of this program, `count` of them; with
/// the common name before it where there is one; the last `expert_workers` are "expert-0" ... and
/// hold experts only. They compute in turn, each on all processors: so a step's weights are read
/// once for all its rows, where processors of their own would have each stage compute parts of it
/// meanwhile. `memory_bytes` is for each of them; 0: what is available.
[[nodiscard]] std::vector<worker_processes::worker> worker_commands(const node_options& common,
                                                                    std::size_t count,
                                                                    std::size_t memory_bytes,
                                                                    std::size_t expert_workers = 0);

}  // namespace troupe::cli
