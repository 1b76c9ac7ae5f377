#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "actors/bin/scale_provider.hpp"
#include "cluster/cluster_view.hpp"
#include "cluster/scaling_control.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// What autoscaling sees of its cluster, and asks of it. Called on one thread; each call returns
/// within a bounded time.
struct scaled_cluster {
  std::function<cluster_view()> view;
  std::function<engine_stats()> stats;
  std::function<std::optional<std::chrono::steady_clock::time_point>()> waiting_since;
  std::function<result<void>(const std::string& node)> drain;
  std::function<void(const std::string& line)> note;  ///< for the cluster's events
  std::function<void(cluster_view::scaling_state)> show;
};

/// Feeds scaling_control with what its cluster does, and hands its orders to the cluster and to a
/// provider. One thread.
class scaling_driver {
 public:
  scaling_driver(const scaling_control::limits& limits, std::unique_ptr<scale_provider> provider,
                 scaled_cluster cluster)
      : control_(limits), provider_(std::move(provider)), cluster_(std::move(cluster)) {}

  /// To be called a few times a second.
  void step(std::chrono::steady_clock::time_point now);

 private:
  [[nodiscard]] scaling_sample look(std::chrono::steady_clock::time_point now) const;
  void carry_out(const scaling_order& order, std::chrono::steady_clock::time_point now);

  scaling_control control_;
  std::unique_ptr<scale_provider> provider_;
  scaled_cluster cluster_;
  bool under_way_ = false;  ///< a call of the provider
};

/// A thread that does so until this is destroyed, which ends a call that is under way.
class scaling_loop {
 public:
  /// io_error: there is no thread for it.
  [[nodiscard]] static result<std::unique_ptr<scaling_loop>> start(
      std::unique_ptr<scaling_driver> driver);

 private:
  explicit scaling_loop(std::unique_ptr<scaling_driver> driver);
  void run(const std::stop_token& stop);

  std::unique_ptr<scaling_driver> driver_;
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace troupe::cli
