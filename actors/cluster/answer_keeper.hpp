#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "actors/cluster/data_port.hpp"
#include "actors/interfaces.hpp"
#include "cluster/answers/answer_book.hpp"

namespace troupe {

/// What gateways ask for, as it came over the data plane.
struct gateway_ask {
  peer_id from = 0;
  asked_request request;
};
struct gateway_forget {
  peer_id from = 0;
  request_id id = 0;
};
struct gateway_recall {
  peer_id from = 0;
  recall_question question;
};
/// The supervisor has let a gateway go.
struct gateway_lost {
  peer_id gateway = 0;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_forget)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_recall)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_lost)

namespace troupe {

/// Stands between the gateways of other processes and the batcher.
using answer_keeper_actor =
    asker_actor::extend<caf::reacts_to<gateway_ask>, caf::reacts_to<gateway_forget>,
                        caf::reacts_to<gateway_recall>, caf::reacts_to<gateway_lost>,
                        caf::reacts_to<tick_atom>>;

/// Keeps an answer_book: passes requests to the batcher, and its news to whichever gateway owns
/// them. Answers that nobody owns, and those that have ended, are there for `kept`. A gateway that
/// takes nothing more holds up nobody: its news wait in the book.
class answer_keeper_state {
 public:
  static inline const char* name = "answer keeper";

  void start(answer_keeper_actor::pointer self, const batcher_actor& to,
             std::shared_ptr<data_port> port, std::chrono::milliseconds kept);
  void on_ask(const gateway_ask& ask);
  void on_forget(const gateway_forget& f);
  void on_recall(const gateway_recall& r);
  void on_lost(const gateway_lost& l);
  void on_news(news_batch& batch);
  void on_failure(const request_failure& f);
  void on_tick();

 private:
  void tell_gateways();

  answer_keeper_actor::pointer self_ = nullptr;
  batcher_actor batcher_;
  std::shared_ptr<data_port> port_;
  answer_book book_{answer_book::limits()};  ///< as start() has it
};

answer_keeper_actor::behavior_type answer_keeper(
    answer_keeper_actor::stateful_pointer<answer_keeper_state> self, const batcher_actor& to,
    const std::shared_ptr<data_port>& port, std::chrono::milliseconds kept);

}  // namespace troupe
