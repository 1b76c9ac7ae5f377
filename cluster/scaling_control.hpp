#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/autoscaler.hpp"
#include "cluster/cluster_view.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// A node that has not gone, as autoscaling sees it.
struct scaling_node {
  peer_id peer = 0;
  std::string name;
  std::string host;
  bool up = false;
  bool draining = false;
  bool removable = false;  ///< whoever adds nodes can also take this one away
};

/// A cluster at one moment.
struct scaling_sample {
  bool serving = false;
  std::vector<scaling_node> nodes;          ///< in the order of joining
  std::chrono::duration<double> queued{0};  ///< that the oldest waiting request has waited
  double kv_use = 0;                        ///< 0 to 1
  std::uint64_t tokens = 0;                 ///< generated since the leader began
};

/// What is to be done next.
struct scaling_order {
  enum class kind : std::uint8_t { nothing, grow, drain, shrink };
  kind what = kind::nothing;
  std::uint32_t count = 0;  ///< grow: nodes
  std::string node;         ///< drain, shrink
  std::string host;         ///< shrink: where it was
};

/// Carries out what an autoscaler decides, one thing at a time: nodes that were asked for count as
/// on their way until they have joined or are given up; a node is drained before it is taken away;
/// after a failure nothing is asked for until a pause is over, which doubles while it goes on.
/// Plain: whoever drives it brings the time and does what it says. Not thread-safe.
class scaling_control {
 public:
  using time_point = autoscaler::time_point;
  using duration = autoscaler::duration;

  struct limits {
    autoscaler::limits policy;
    duration settle{0};  ///< from the beginning until a cluster that serves nothing is grown
    duration return_within = std::chrono::seconds(15);  ///< for a node that was lost to come back
    duration join_within = std::chrono::seconds(180);   ///< after they were asked for
    duration drain_within = std::chrono::seconds(600);  ///< else it is said, and waited on
    duration first_pause = std::chrono::seconds(20);    ///< after a failure
    duration most_pause = std::chrono::minutes(10);
  };

  explicit scaling_control(const limits& l) : limits_(l), policy_(l.policy) {}

  /// To be called about every second. Anything but nothing is to be done, and its outcome told to
  /// done() before anything else is ordered.
  [[nodiscard]] scaling_order observe(time_point now, const scaling_sample& sample);
  /// How the last order went; of a drain, whether it has begun.
  void done(time_point now, const result<void>& outcome);

  /// What has happened since the last call, a line each.
  [[nodiscard]] std::vector<std::string> take_events() { return std::exchange(events_, {}); }
  /// `means` is left empty.
  [[nodiscard]] const cluster_view::scaling_state& state() const { return state_; }

 private:
  struct leaving_node {
    peer_id peer = 0;
    std::string name, host;
    time_point since;
    bool late = false;  ///< and it has been said
  };

  /// How many nodes there are to be once those that were asked for have joined.
  struct awaited_nodes {
    std::uint32_t target = 0;
    time_point by;
  };

  void measure(time_point now, const scaling_sample& sample);
  [[nodiscard]] load_sample load_of(time_point now, const scaling_sample& sample);
  void note_lost(time_point now, std::uint32_t there);
  void await_nodes(time_point now);
  void let_stay(const scaling_sample& sample);
  [[nodiscard]] std::optional<scaling_order> take_away(time_point now,
                                                       const scaling_sample& sample);
  [[nodiscard]] scaling_order carry_out(time_point now, const scale_decision& decision,
                                        std::uint32_t counted, const scaling_sample& sample);
  [[nodiscard]] bool is_leaving(peer_id peer) const;
  void fail_for_now(time_point now, const std::string& what);
  void say(std::string text) { events_.push_back(std::move(text)); }

  limits limits_;
  autoscaler policy_;
  std::optional<time_point> began_;
  bool served_ = false;  ///< once, at least
  scaling_order ordered_;
  leaving_node to_drain_;         ///< of an order to drain
  std::uint32_t grown_from_ = 0;  ///< nodes that there were, of an order to grow
  std::deque<awaited_nodes> awaited_;
  std::uint32_t there_ = 0;           ///< nodes, but for those that leave
  std::deque<time_point> returning_;  ///< of nodes that were lost: until when each may come back
  std::deque<leaving_node> leaving_;
  duration pause_{0};
  std::optional<time_point> not_before_;
  std::deque<std::pair<time_point, std::uint64_t>> tokens_;  ///< of the last seconds
  std::vector<std::string> events_;
  cluster_view::scaling_state state_;
};

}  // namespace troupe
