#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/engine/engine_board.hpp"
#include "actors/interfaces.hpp"
#include "cluster/batching/batch_scheduler.hpp"
#include "cluster/step_deadline.hpp"
#include "runtime/sampling/structure_library.hpp"

namespace troupe {

/// Drives a batch_scheduler: carries its questions to the cache managers, its steps to the first
/// stage, and its news to the askers. Decides nothing itself. `structures` compiles what requests
/// are held to; without one those that are held are refused.
class batcher_state {
 public:
  static inline const char* name = "batcher";

  void start(batcher_actor::pointer self, std::shared_ptr<engine_board> board,
             std::shared_ptr<structure_library> structures);
  void on_group(serving_group group);
  void on_request(const request_envelope& e, const asker_actor& from);
  void on_cancel(request_id id);
  void on_result(const step_result& r);
  void on_failure(const step_failure& f);
  void on_durable(const kv_durable& durable);
  void on_drafter(const drafter_actor& drafter) { drafter_ = drafter; }
  void on_tick();
  void on_look();
  /// Looks at the requests whose structures are being compiled.
  void on_prepared();

 private:
  void take(const request_envelope& e, const asker_actor& from);
  void hand_in(const request_envelope& e, const asker_actor& from,
               std::shared_ptr<const compiled_structure> structure);
  void begin_group();
  void continue_with_group();
  void pump();
  void ask_caches(const cache_request& request);
  void ask_drafter(draft_ask ask);
  void on_cache_reply(const cache_reply& reply);
  void deliver(std::vector<request_news> news);
  void fail_all(const error& why);
  void publish();
  /// How long those have waited that came before there was a group.
  void show_early();

  batcher_actor::pointer self_ = nullptr;
  std::shared_ptr<engine_board> board_;
  serving_group group_;
  std::unique_ptr<batch_scheduler> scheduler_;
  std::unordered_map<request_id, asker_actor> owners_;
  std::uint64_t asked_ = 0;  ///< number of the cache request that is open
  std::vector<cache_reply> replies_;
  drafter_actor drafter_;
  /// Requests that came before there was a group: those that outlived another batcher, mostly.
  struct early_request {
    request_envelope request;
    asker_actor from;
    std::chrono::steady_clock::time_point since;
  };
  std::deque<early_request> early_;
  /// A request that goes on once its structure is there.
  struct prepared_request {
    early_request asked;
    structure_library::order_ptr structure;
  };
  /// Hands a held request in, at once where its structure is there.
  void prepare(early_request asked);
  /// Whether it is handed in or refused.
  [[nodiscard]] bool settle(const prepared_request& p);

  std::shared_ptr<structure_library> structures_;  ///< may be null
  std::deque<prepared_request> preparing_;
  /// A step under way.
  struct awaited_step {
    std::chrono::steady_clock::time_point since;
    std::uint32_t rows = 0;
  };
  void watch_for_stalls(std::chrono::steady_clock::time_point now);

  std::map<step_id, awaited_step> awaited_;
  step_deadline allowed_;
  std::optional<std::chrono::steady_clock::time_point> asked_since_;  ///< the cache managers
  bool looks_again_ = false;                                          ///< a look is on its way
  step_id last_result_ = 0;
  std::map<std::uint32_t, step_id> durable_;  ///< by stage
};

batcher_actor::behavior_type batcher(batcher_actor::stateful_pointer<batcher_state> self,
                                     const std::shared_ptr<engine_board>& board,
                                     const std::shared_ptr<structure_library>& structures);

}  // namespace troupe
