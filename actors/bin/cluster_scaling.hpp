#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "actors/bin/scaling_loop.hpp"
#include "actors/bin/worker_processes.hpp"
#include "actors/cluster/cluster_runtime.hpp"
#include "actors/gateway/fair_service.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/autoscale_config.hpp"

namespace troupe::cli {

/// Processes of this machine that may become nodes.
struct spare_workers {
  worker_processes* kept = nullptr;  ///< who keeps those that have
  std::vector<worker_processes::worker> all;
};

/// What cluster autoscaling is for.
struct scaled_head {
  cluster_runtime& head;
  std::filesystem::path model;
  std::shared_ptr<gateway::fair_service> queue;  ///< requests wait there, too; null: there is none
  spare_workers spare;                           ///< for scale_means::processes
};

/// Checks settings, of a cluster that begins with so many nodes, and completes them.
[[nodiscard]] result<void> check_scaling(autoscale_config& config, std::uint32_t nodes);

/// The most nodes that there may come to be; 0: as many as there are.
[[nodiscard]] std::uint32_t most_nodes(const autoscale_config& config);

/// Autoscaling as the configuration wants it, which check_scaling() has passed; null: not at all.
/// It ends with what is returned, which must go before all that it was given. invalid_argument: the
/// operator's executable cannot be run.
[[nodiscard]] result<std::unique_ptr<scaling_loop>> start_scaling(const autoscale_config& config,
                                                                  scaled_head of);

}  // namespace troupe::cli
