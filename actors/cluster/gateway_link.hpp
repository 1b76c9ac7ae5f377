#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "actors/cluster/data_port.hpp"
#include "actors/cluster/key_use.hpp"
#include "actors/engine/listener_table.hpp"
#include "actors/interfaces.hpp"
#include "runtime/api/answer_recall.hpp"
#include "runtime/keys/use_exchange.hpp"
#include "runtime/wire/answer_frames.hpp"

namespace troupe {

/// News that came from a peer.
struct arrived_news {
  peer_id from = 0;
  answer_news news;
};
/// The supervisor has taken the gateway in, or it is gone (0).
struct gateway_linked {
  peer_id supervisor = 0;
};
/// A request is in the table and waits to be asked for.
struct request_waits {
  request_id id = 0;
};
/// A client comes back for a response.
struct recall_wanted {
  std::string response;
  answer_recall::found then;
};
/// What a peer says of one.
struct arrived_recall {
  peer_id from = 0;
  recall_answer answer;
};
/// Somebody listens to a recalled answer.
struct listener_arrived {
  request_id id = 0;
  std::shared_ptr<generation_listener> listener;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::arrived_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_linked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::request_waits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::recall_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::arrived_recall)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::listener_arrived)

namespace troupe {

using gateway_link_actor =
    caf::typed_actor<caf::reacts_to<arrived_news>, caf::reacts_to<gateway_linked>,
                     caf::reacts_to<request_waits>, caf::reacts_to<cancel_atom, request_id>,
                     caf::reacts_to<recall_wanted>, caf::reacts_to<arrived_recall>,
                     caf::reacts_to<listener_arrived>, caf::reacts_to<arrived_key_use>,
                     caf::reacts_to<tick_atom>>;

/// What outlives any one supervisor in a gateway: the open requests. Each supervisor in turn is
/// asked for those it does not know to be asked for already, with what was drawn so far, and for
/// the answers that clients come back for.
class gateway_link_state {
 public:
  static inline const char* name = "gateway link";

  void start(gateway_link_actor::pointer self, std::shared_ptr<data_port> port,
             std::shared_ptr<listener_table> requests, std::shared_ptr<use_exchange> exchange,
             std::chrono::milliseconds patience);
  void on_news(arrived_news& arrived);
  void on_linked(peer_id supervisor);
  void on_waiting(request_id id);
  void on_cancel(request_id id);
  void on_recall_wanted(recall_wanted& wanted);
  void on_recall(arrived_recall& arrived);
  void on_listener(const listener_arrived& arrived);
  void on_key_use(const arrived_key_use& arrived);
  void on_tick();

 private:
  using clock = std::chrono::steady_clock;
  struct question {
    recall_wanted wanted;
    clock::time_point since;
    bool asked = false;  ///< the present supervisor has it
  };

  /// False: the supervisor takes no more for now.
  [[nodiscard]] bool ask(request_id id);
  void ask_for_waiting();
  void ask_questions();
  void give_up_old(clock::time_point now);
  /// To the supervisor, which tells the other gateways.
  void tell_key_use();

  gateway_link_actor::pointer self_ = nullptr;
  std::shared_ptr<data_port> port_;
  std::shared_ptr<listener_table> requests_;
  std::shared_ptr<use_exchange> exchange_;
  std::chrono::milliseconds patience_{0};  ///< for a supervisor to be there again
  peer_id supervisor_ = 0;
  std::set<request_id> waiting_;  ///< not asked for, or to be asked for again
  clock::time_point alone_since_;
  std::map<std::uint64_t, question> questions_;  ///< by number, oldest first
  std::uint64_t last_question_ = 0;
  std::map<request_id, clock::time_point> unheard_;  ///< recalled answers that nobody listens to
};

gateway_link_actor::behavior_type gateway_link(
    gateway_link_actor::stateful_pointer<gateway_link_state> self,
    const std::shared_ptr<data_port>& port, const std::shared_ptr<listener_table>& requests,
    const std::shared_ptr<use_exchange>& exchange, std::chrono::milliseconds patience);

}  // namespace troupe
