#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <set>

#include "actors/cluster/data_port.hpp"
#include "actors/engine/listener_table.hpp"
#include "actors/interfaces.hpp"
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

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::arrived_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_linked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::request_waits)

namespace troupe {

using gateway_link_actor =
    caf::typed_actor<caf::reacts_to<arrived_news>, caf::reacts_to<gateway_linked>,
                     caf::reacts_to<request_waits>, caf::reacts_to<cancel_atom, request_id>,
                     caf::reacts_to<tick_atom>>;

/// What outlives any one supervisor in a gateway: the open requests. Each supervisor in turn is
/// asked for those it does not know to be asked for already, with what was drawn so far.
class gateway_link_state {
 public:
  static inline const char* name = "gateway link";

  void start(gateway_link_actor::pointer self, std::shared_ptr<data_port> port,
             std::shared_ptr<listener_table> requests);
  void on_news(arrived_news& arrived);
  void on_linked(peer_id supervisor);
  void on_waiting(request_id id);
  void on_cancel(request_id id);
  void on_tick();

 private:
  using clock = std::chrono::steady_clock;
  /// False: the supervisor takes no more for now.
  [[nodiscard]] bool ask(request_id id);
  void ask_for_waiting();

  gateway_link_actor::pointer self_ = nullptr;
  std::shared_ptr<data_port> port_;
  std::shared_ptr<listener_table> requests_;
  peer_id supervisor_ = 0;
  std::set<request_id> waiting_;  ///< not asked for, or to be asked for again
  clock::time_point alone_since_;
};

gateway_link_actor::behavior_type gateway_link(
    gateway_link_actor::stateful_pointer<gateway_link_state> self,
    const std::shared_ptr<data_port>& port, const std::shared_ptr<listener_table>& requests);

}  // namespace troupe
