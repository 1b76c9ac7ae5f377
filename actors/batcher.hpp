#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/engine/engine_board.hpp"
#include "actors/interfaces.hpp"
#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {

/// Drives a batch_scheduler: carries its questions to the cache managers, its steps to the first
/// stage, and its news to the askers. Decides nothing itself.
class batcher_state {
 public:
  static inline const char* name = "batcher";

  void start(batcher_actor::pointer self, std::shared_ptr<engine_board> board);
  void on_group(serving_group group);
  void on_request(const request_envelope& e, const asker_actor& from);
  void on_cancel(request_id id);
  void on_result(const step_result& r);
  void on_failure(const step_failure& f);
  void on_drafter(const drafter_actor& drafter) { drafter_ = drafter; }
  void on_tick();

 private:
  void pump();
  void ask_caches(const cache_request& request);
  void ask_drafter(draft_ask ask);
  void on_cache_reply(std::size_t asked, const cache_reply& reply);
  void deliver(std::vector<request_news> news);
  void fail_all(const error& why);
  void publish();

  batcher_actor::pointer self_ = nullptr;
  std::shared_ptr<engine_board> board_;
  serving_group group_;
  std::unique_ptr<batch_scheduler> scheduler_;
  std::unordered_map<request_id, asker_actor> owners_;
  std::vector<cache_reply> replies_;
  drafter_actor drafter_;
  std::map<step_id, std::chrono::steady_clock::time_point> deadlines_;
};

batcher_actor::behavior_type batcher(batcher_actor::stateful_pointer<batcher_state> self,
                                     const std::shared_ptr<engine_board>& board);

}  // namespace troupe
