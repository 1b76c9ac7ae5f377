#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"
#include "tests/cluster/batching/answer_log.hpp"

namespace troupe::test {

/// Cache managers and stages as the scheduler sees them, without arithmetic: the "model" draws a
/// token that is a function of the tokens before it, so a right answer can be told from a wrong
/// one.
class simulated_engine {
 public:
  simulated_engine(const batch_limits& limits, std::uint32_t stages,
                   std::unique_ptr<draft_source> drafts = nullptr);

  result<void> add(request_id id, generation_request request);
  void cancel(request_id id);
  /// Cancels while a step that uses the request is under way, as soon as there is one.
  void cancel_in_flight(request_id id) { doomed_ = id; }
  /// Carries out what the scheduler asks for, one action; false when it is idle.
  bool step();
  /// Runs until idle. Fails the test if that takes unreasonably long.
  void run();
  /// The token that follows `tokens`.
  [[nodiscard]] static token_id follow(const std::vector<token_id>& tokens, std::uint32_t choice);
  /// What a request must draw: `max_tokens` tokens after its prompt, or up to a stop token.
  [[nodiscard]] static std::vector<token_id> expected(const generation_request& r,
                                                      std::uint32_t choice);

  /// Stands for a drafter; nullopt: it gave no answer in time. Null where none is asked.
  std::function<std::optional<draft_reply>(const draft_ask&)> drafter;
  answer_log answers;
  batch_scheduler scheduler;
  std::vector<kv_manager> managers;
  std::size_t steps = 0;
  std::size_t most_rows = 0;
  /// Rows of each step, for tests about composition.
  std::vector<std::vector<std::size_t>> step_shapes;

 private:
  void execute(const step_plan& plan);

  batch_scheduler::time_point now_;
  std::optional<request_id> doomed_;
  /// KV as it would be: what was computed into each page's slot, by stage 0's page numbers.
  std::map<std::pair<std::int32_t, std::uint32_t>, std::vector<token_id>> written_;
  std::uint32_t page_size_;
};

}  // namespace troupe::test
