#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace troupe {

/// Who adds nodes to a cluster and takes them away.
enum class scale_means : std::uint8_t {
  none,       ///< nobody: there is no autoscaling
  processes,  ///< the leader, as processes of its own machine
  command     ///< the operator's executable
};

/// When a cluster grows and shrinks, and how. The defaults are those of cluster/autoscaler.hpp.
struct autoscale_config {
  scale_means means = scale_means::none;
  std::string command;      ///< the operator's executable
  std::string join;         ///< what new nodes join; empty: the leader's own address
  std::uint32_t least = 0;  ///< nodes; 0: those that the cluster begins with
  std::uint32_t most = 0;   ///< nodes
  std::uint32_t queued_high_ms = 500;
  std::uint32_t queued_low_ms = 50;
  std::uint32_t kv_high_percent = 85;
  std::uint32_t kv_low_percent = 60;
  std::uint32_t busy_low_percent = 70;
  std::chrono::milliseconds up_after{5'000};
  std::chrono::milliseconds down_after{60'000};
  std::chrono::milliseconds up_cooldown{20'000};
  std::chrono::milliseconds down_cooldown{120'000};
  std::chrono::milliseconds call_timeout{60'000};    ///< of one call of the executable
  std::chrono::milliseconds join_timeout{180'000};   ///< from then until the nodes have joined
  std::chrono::milliseconds drain_timeout{600'000};  ///< until it is said that a drain takes long
};

}  // namespace troupe
