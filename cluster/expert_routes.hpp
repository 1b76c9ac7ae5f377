#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cluster/step_deadline.hpp"
#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Rows of one layer of one step for one shard: what is asked for once, and answered once, however
/// often it has to be sent.
struct expert_task {
  step_id step = 0;
  std::uint32_t layer = 0;
  std::uint32_t shard = 0;
  friend bool operator==(const expert_task&, const expert_task&) = default;
  friend bool operator<(const expert_task& a, const expert_task& b) {
    return std::tie(a.step, a.layer, a.shard) < std::tie(b.step, b.layer, b.shard);
  }
};

/// A message that the caller is to send now.
struct expert_send {
  expert_task task;
  std::uint32_t attempt = 0;
  peer_id node = 0;
  friend bool operator==(const expert_send&, const expert_send&) = default;
};

/// What an event calls for.
struct route_changes {
  std::vector<expert_send> sends;
  /// Tasks that no node is left for: their step fails, and a new epoch has to place their shard.
  std::vector<expert_task> failed;
};

/// The nodes that serve a shard; the first is preferred.
struct shard_route {
  std::vector<peer_id> replicas;
  bool spread = false;  ///< equally busy replicas take turns, instead of the first being taken
};

/// Chooses which replica computes each task, watches over what is outstanding and sends it
/// elsewhere when a node is lost, suspect, too busy or silent for too long. Experts are stateless
/// and replicas give the same bits, so the first answer counts and another one is ignored.
///
/// A plain class over injected time; not thread-safe. What it holds is bounded by `outstanding`
/// tasks of `attempts` each.
class expert_routes {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    /// How long to wait for an answer: a multiple of what answers took lately, doubled with each
    /// attempt up to the ceiling.
    step_deadline::limits deadline{8, std::chrono::milliseconds(50), std::chrono::seconds(1)};
    /// How long a node that was silent past a deadline comes after others; an answer ends it.
    duration distrust = std::chrono::seconds(2);
    /// Before a node that refused is asked again, where there is no other; doubled with each
    /// attempt.
    duration refusal_pause = std::chrono::milliseconds(5);
    std::uint32_t attempts = 8;  ///< of one task
    std::size_t outstanding = 4096;
  };

  struct counters {
    std::uint64_t sent = 0;     ///< all attempts
    std::uint64_t resent = 0;   ///< of those, not the first of their task
    std::uint64_t refused = 0;  ///< attempts that came to nothing
    std::uint64_t late = 0;     ///< answers to what was answered or given up before
    std::uint64_t stale = 0;    ///< answers of another epoch
    std::uint64_t strange = 0;  ///< answers that do not belong to any attempt: dropped
    std::uint64_t failed = 0;
  };

  enum class standing : std::uint8_t { up, suspect, gone };

  expert_routes() : expert_routes(limits()) {}
  explicit expert_routes(const limits& most) : limits_(most), times_(most.deadline) {}

  /// A new placement: nodes by shard. What is outstanding is void, and answers to it are stale. A
  /// node that the last placement had too keeps its standing; others are up.
  void begin_epoch(epoch_number epoch, std::vector<shard_route> shards);
  [[nodiscard]] epoch_number epoch() const { return epoch_; }

  /// Begins a task of `rows` rows: where to send it. not_found: no such shard; already_exists;
  /// unavailable: no node of it is left; exhausted: too many are outstanding.
  [[nodiscard]] result<expert_send> dispatch(const expert_task& task, std::uint32_t rows,
                                             time_point now);

  /// Whether an answer is one to look into: of this epoch, to a task that is outstanding, from the
  /// node that this attempt went to. Counts it where not; a late one still shows that its node
  /// lives.
  [[nodiscard]] bool expects(epoch_number epoch, const expert_task& task, std::uint32_t attempt,
                             peer_id from);
  /// An expected answer was right: the task is over.
  void on_answer(const expert_task& task, std::uint32_t attempt, time_point now);
  /// An attempt came to nothing: the node refused, its answer was corrupt, or the transport did not
  /// take the message. The task goes to another replica at once, or to the same after a pause.
  [[nodiscard]] route_changes on_refusal(const expert_task& task, std::uint32_t attempt,
                                         time_point now);

  /// A node's standing changed. Its outstanding tasks go elsewhere: all of them if it is gone,
  /// those with a better replica if it is suspect.
  [[nodiscard]] route_changes on_node(peer_id node, standing state, time_point now);
  /// Re-sends what has waited past its deadline. To be called at next_deadline() or later.
  [[nodiscard]] route_changes tick(time_point now);
  [[nodiscard]] std::optional<time_point> next_deadline() const;

  /// Forgets a step that failed; answers to it are late.
  void forget(step_id step);

  [[nodiscard]] std::size_t outstanding() const { return tasks_.size(); }
  /// Rows that a node has been asked for and has not answered.
  [[nodiscard]] std::uint64_t outstanding_rows(peer_id node) const;
  [[nodiscard]] const counters& counts() const { return counts_; }

 private:
  struct attempt_record {
    peer_id node = 0;
    time_point sent;
    bool waiting = true;  ///< an answer may come
  };
  struct task_record {
    std::uint32_t rows = 0;
    std::vector<attempt_record> attempts;
    time_point deadline;
  };
  struct node_record {
    standing state = standing::up;
    std::optional<time_point> distrusted_until;
    std::uint64_t rows = 0;  ///< outstanding
    std::uint64_t turn = 0;  ///< when it was last chosen
  };
  using task_map = std::map<expert_task, task_record>;

  [[nodiscard]] std::optional<peer_id> choose(const expert_task& task, const task_record& record,
                                              time_point now) const;
  /// Doubled that many times, up to the ceiling.
  [[nodiscard]] duration doubled(duration first, std::uint32_t times) const;
  /// Sends the task to the best replica, or gives it up.
  void send_or_fail(task_map::iterator at, time_point now, route_changes& out);
  expert_send send(const expert_task& task, task_record& record, peer_id node, time_point now);
  [[nodiscard]] bool any_waiting(const task_record& record, standing at_worst) const;
  void stop_waiting(const task_record& record, attempt_record& attempt);
  void erase(task_map::iterator at);

  limits limits_;
  step_deadline times_;
  epoch_number epoch_ = 0;
  std::vector<shard_route> shards_;
  std::unordered_map<peer_id, node_record> nodes_;
  task_map tasks_;
  std::uint64_t turns_ = 0;
  counters counts_;
};

}  // namespace troupe
