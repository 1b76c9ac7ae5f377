#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "actors/cluster/worker_runtime.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// What a node's life depends on; a test scripts it.
struct node_world {
  /// Joins the cluster.
  std::function<result<std::unique_ptr<worker_runtime>>()> join;
  /// Waits that long at most for a signal that ends the process; 0: none came.
  std::function<int(std::chrono::milliseconds)> signal;
  std::function<std::chrono::steady_clock::time_point()> now;
  /// Takes a line for a person.
  std::function<void(std::string_view)> say;
  /// On SIGTERM, the time in which the cluster may move away what is here; 0: none.
  std::chrono::milliseconds drain_limit{0};
  /// The node is in the cluster; empty: nobody wants to know.
  std::function<void()> joined = {};
};

/// How a node's life went out.
struct node_end {
  enum class kind : std::uint8_t {
    drained,    ///< in good order
    signalled,  ///< by `signal`
    again,      ///< it must join again as another process image: this one is not fit for it
  };
  kind how = kind::drained;
  int signal = 0;
  /// The runtime, for the caller to end or to leave to the end of the process; null where it was
  /// never reached.
  std::unique_ptr<worker_runtime> node;
};

/// Joins, trying again while nobody answers, and serves until there is an end; joins again where
/// only the supervisor has ended. Fails where the cluster refuses the node for good.
[[nodiscard]] result<node_end> live(const node_world& world);

}  // namespace troupe::cli
