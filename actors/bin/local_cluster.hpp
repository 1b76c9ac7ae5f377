#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "actors/bin/cluster_scaling.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/bin/worker_processes.hpp"
#include "actors/cluster/cluster_runtime.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// A cluster on this machine: its head in this process, a node in each of the child processes.
class local_cluster {
 public:
  /// Listens for nodes and starts the children, `cluster.workers` of them and
  /// `cluster.expert_workers` for experts. A signal that comes
  /// meanwhile ends the process, and the children with it.
  [[nodiscard]] static result<std::unique_ptr<local_cluster>> start(
      const std::filesystem::path& model, const serve_config& config, const interrupts& signals,
      worker_processes::notice tell);

  /// Waits until requests can be answered, showing progress on standard error.
  [[nodiscard]] result<void> await_serving(const interrupts& signals);

  [[nodiscard]] cluster_runtime& head() { return *head_; }
  /// The children, and those that autoscaling may add.
  [[nodiscard]] spare_workers spare() const { return {workers_.get(), all_}; }

 private:
  local_cluster(std::unique_ptr<cluster_runtime> head, std::unique_ptr<worker_processes> workers,
                std::vector<worker_processes::worker> all)
      : head_(std::move(head)), workers_(std::move(workers)), all_(std::move(all)) {}

  std::unique_ptr<cluster_runtime> head_;
  std::unique_ptr<worker_processes> workers_;  ///< ends first
  std::vector<worker_processes::worker> all_;
};

}  // namespace troupe::cli
