#pragma once

#include <deque>
#include <list>
#include <memory>
#include <random>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/transport/ucx/link.hpp"
#include "runtime/transport/ucx/live_counters.hpp"

namespace troupe::ucx {

/// The peers of a transport: introductions, credits, order, signs of life, losses. Made, used and
/// destroyed by the progress thread. UCX's callbacks only note what is to be closed or reported;
/// that happens after them.
class connections {
 public:
  connections(peer_id self, const ucx_settings& settings, mailbox& box, live_counters& counters)
      : self_(self), settings_(settings), mailbox_(box), counters_(counters) {}
  connections(const connections&) = delete;
  connections& operator=(const connections&) = delete;
  ~connections();

  /// Opens the port; gives the address for peers.
  [[nodiscard]] result<std::vector<std::byte>> open();
  /// As port::reads_device_memory(), once open.
  [[nodiscard]] bool reads_device_memory() const { return port_->reads_device_memory(); }
  void set_handlers(transport::frame_handler on_frame, transport::loss_handler on_loss);

  void execute(command c, clock::time_point now);
  /// Whatever UCX has and what comes of it; false if there was nothing.
  [[nodiscard]] bool progress(clock::time_point now);
  /// Deadlines, signs of life, credits that nobody fetched. Every tick_interval().
  void tick(clock::time_point now);
  [[nodiscard]] clock::duration tick_interval() const;
  /// Sleeps until there is something to do, for at most that long.
  void wait(std::chrono::milliseconds most) {
    port_->wait(mailbox_.bell()->wake.descriptor(), most);
  }

 private:
  // connections.cpp
  void begin(command& c, clock::time_point now);
  void fail_link(link& l, const error& reason);
  void on_broken(const void* endpoint, ucs_status_t status);
  /// Closes and reports what has failed.
  void reap();
  void erase(peer_id peer);
  /// Sends what found no room before; false if it finds none now.
  [[nodiscard]] bool resume();
  void say_goodbye(link& l);

  // introduction.cpp
  /// Opens the way to the peer and says hello.
  void dial(link& l);
  void say_hello(link& l);
  void greet(std::span<const std::byte> bytes);
  /// Opens the links that greet() could not.
  void answer_greetings();
  void keep_for_later(const greeting& hello);
  /// Opens the link if its peer has greeted before control introduced it.
  void look_for_greeting(link& l);
  void open_link(link& l, const greeting& from);
  void forget_early(clock::time_point now);

  // traffic.cpp
  void on_message(const arrival& a);
  void on_frame(link& l, const message_head& head, const arrival& a);
  /// Memory for a frame's payload; null: there is none.
  [[nodiscard]] std::shared_ptr<received_memory> room_for(const link& l, std::size_t counted,
                                                          std::size_t bytes) const;
  void on_rest(link& l, const message_head& head, const arrival& a);
  /// Counts a frame that is not as frames are, and gives its sender up.
  void refuse(link& l, std::string_view what);
  void finish(std::uint64_t session, std::uint64_t sequence, incoming_frame frame, bool whole);
  [[nodiscard]] bool hand_over();
  void pump(link& l);
  /// Sends a message without a frame.
  void tell(link& l, message_type type);
  [[nodiscard]] message_head make_head(link& l, message_type type) const;
  [[nodiscard]] link* find_session(std::uint64_t session);
  /// Whether what comes for the session is merely late.
  [[nodiscard]] bool has_ended(std::uint64_t session) const;

  const peer_id self_;
  const ucx_settings settings_;
  mailbox& mailbox_;
  live_counters& counters_;
  transport::frame_handler on_frame_;
  transport::loss_handler on_loss_;
  std::random_device random_;

  std::unordered_map<peer_id, std::unique_ptr<link>> links_;
  std::unordered_map<std::uint64_t, link*> sessions_;
  std::vector<link*> ready_;
  std::deque<std::uint64_t> ended_;  ///< the latest sessions that are over
  std::list<early_greeting> early_;  ///< bounded by the number of peers
  bool something_failed_ = false;
  bool someone_greeted_ = false;
  clock::time_point now_;       ///< of the current call, for callbacks
  std::unique_ptr<port> port_;  ///< last: whatever still arrives while it closes finds no links
};

}  // namespace troupe::ucx
