#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/node_placement.hpp"

namespace troupe {

/// What a provider of nodes is asked to do: a process on this machine, or the operator's
/// executable.
struct provider_call {
  enum class action : std::uint8_t { start, stop };
  action what = action::start;
  std::string node;  ///< the name of the node to start, or of the one that has drained
};

/// The arguments of an operator's executable, which exits with 0 once the request is taken:
///
///   start --name NODE --join HOST:PORT      run `troupe node --name NODE --join HOST:PORT`
///   somewhere stop --name NODE                        give its machine back: it holds nothing any
///   more
[[nodiscard]] std::vector<std::string> provider_arguments(const provider_call& call,
                                                          std::string_view join);

/// Which node is removed at least cost: one that already drains, else the one that holds least, and
/// of those that hold the same the one that leads least. no_peer where all are suspect or there are
/// none.
[[nodiscard]] peer_id choose_leaver(const cluster_plan& plan, const model_sizes& sizes,
                                    std::span<const node_capacity> nodes);

/// Keeps track of nodes that were asked for until they join: names them, gives up on those that do
/// not come, and asks a failing provider less and less often. Not thread-safe.
class provisioning {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    duration start_deadline = std::chrono::minutes(5);  ///< from the call to the join
    duration first_wait = std::chrono::seconds(5);      ///< after a failure; doubles each time
    duration longest_wait = std::chrono::minutes(5);
    std::uint32_t at_once = 16;  ///< nodes on their way
  };

  provisioning(std::string name_prefix, limits l);

  /// Calls that bring `present` nodes to `wanted`; none while the provider is given a rest. Each
  /// counts as on its way until joined(), failed() or its deadline.
  [[nodiscard]] std::vector<provider_call> ask(std::uint32_t present, std::uint32_t wanted,
                                               time_point now);
  /// A node of that name joined; names that were not asked for are ignored.
  void joined(std::string_view node);
  /// The call failed.
  void failed(std::string_view node, time_point now);
  /// Nodes that did not come in time: each a failure, and its process is to be stopped.
  [[nodiscard]] std::vector<provider_call> tick(time_point now);

  [[nodiscard]] std::uint32_t on_their_way() const {
    return static_cast<std::uint32_t>(asked_.size());
  }
  /// Until when nothing is asked after failures.
  [[nodiscard]] std::optional<time_point> resting_until() const { return rest_until_; }

 private:
  void rest(time_point now);

  std::string prefix_;
  limits limits_;
  std::map<std::string, time_point, std::less<>> asked_;  ///< by name: when it must have joined
  std::uint64_t next_ = 1;
  std::uint32_t failures_ = 0;  ///< in a row
  std::optional<time_point> rest_until_;
};

}  // namespace troupe
