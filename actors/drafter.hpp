#pragma once

#include <memory>

#include "actors/interfaces.hpp"
#include "cluster/batching/speculation/draft_desk.hpp"

namespace troupe {

/// A drafter's state: carries asks to the small model's batcher and its tokens back as guesses. The
/// draft_desk decides.
class drafter_state {
 public:
  static inline const char* name = "drafter";

  void start(drafter_actor::pointer self, const batcher_actor& batcher, std::uint32_t vocabulary);
  [[nodiscard]] caf::typed_response_promise<draft_reply> on_ask(const draft_ask& ask);
  void on_news(const news_batch& batch);
  void on_failure(const request_failure& f);

 private:
  void answer_if_complete();

  drafter_actor::pointer self_ = nullptr;
  batcher_actor batcher_;
  std::unique_ptr<draft_desk> desk_;
  caf::typed_response_promise<draft_reply> asker_;
};

/// `batcher` runs the small model. Ends when it does.
drafter_actor::behavior_type drafter(drafter_actor::stateful_pointer<drafter_state> self,
                                     const batcher_actor& batcher, std::uint32_t vocabulary);

}  // namespace troupe
