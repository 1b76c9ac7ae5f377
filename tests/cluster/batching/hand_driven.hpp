#pragma once

#include <memory>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"
#include "tests/cluster/batching/answer_log.hpp"

namespace troupe::test {

/// A scheduler with one cache manager whose steps give their results when a test says so.
class hand_driven {
 public:
  using plan_ptr = std::shared_ptr<const step_plan>;

  explicit hand_driven(const batch_limits& limits);

  [[nodiscard]] result<void> add(request_id id, generation_request request);
  /// Answers the scheduler's questions until it starts a step; null when it is idle.
  [[nodiscard]] plan_ptr next_step();
  /// Every step that the scheduler starts before it waits for a result.
  [[nodiscard]] std::vector<plan_ptr> next_steps();
  /// Lets a step give its result: every token it draws is `token`.
  void finish(const plan_ptr& plan, token_id token = 7);
  /// Runs steps until none is left; each is durable as soon as it is done if `durable`.
  void run(bool durable);

  batch_scheduler scheduler;
  kv_manager manager;
  answer_log answers;
  std::vector<cache_request> requests;  ///< what the manager was asked
  std::size_t steps = 0;

 private:
  batch_scheduler::time_point now_;
};

/// Tokens `from`, `from` + 1, ... and how many to draw.
[[nodiscard]] generation_request counting_request(std::size_t prompt, std::uint32_t tokens,
                                                  token_id from = 0);

}  // namespace troupe::test
