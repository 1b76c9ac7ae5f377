#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <variant>

#include "runtime/transport/credits.hpp"
#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe::inproc {

using clock = std::chrono::steady_clock;

/// One end's view of a connection. Guarded by the switchboard's mutex.
struct link {
  std::uint64_t number = 0;  ///< no other link of the hub has it
  std::uint64_t nonce = 0;
  clock::time_point deadline;                  ///< of the other end's introduction
  bool open = false;                           ///< both ends are introduced
  bool broken = false;                         ///< its loss is on its way to the handler
  credit_window window;                        ///< of frames to the peer
  std::shared_ptr<credit_ledger> peer_ledger;  ///< what the peer released of them
  std::shared_ptr<credit_ledger> own_ledger;   ///< what this end released of the peer's
  std::deque<outgoing_frame> queue;            ///< until it is open
  std::size_t queued_bytes = 0;
};

struct frame_event {
  std::uint64_t link = 0;
  incoming_frame frame;
};
struct loss_event {
  std::uint64_t link = 0;
  peer_id peer = 0;
  error reason;
};

/// A transport as the hub sees it.
struct station {
  std::unordered_map<peer_id, link> links;
  std::deque<std::variant<frame_event, loss_event>> inbox;  ///< bounded by the links' windows
  std::condition_variable changed;
  bool stopping = false;
  transport_counters counters;
};

/// What the transports of a hub share. Its functions expect `mutex` to be held, and leave whatever
/// owns foreign memory to the caller, so that it is let go without the mutex.
struct switchboard {
  explicit switchboard(const transport_limits& l) : limits(l) {}

  /// `sent`: the frames that had waited for this end and are on their way to it now.
  [[nodiscard]] result<void> connect(peer_id self, const peer_address& peer, clock::time_point now,
                                     std::deque<outgoing_frame>& sent);
  /// What is left of the connection.
  [[nodiscard]] link disconnect(peer_id self, peer_id peer);
  /// Takes the frame's contents, or leaves them.
  [[nodiscard]] result<void> send(peer_id self, peer_id to, outgoing_frame& frame);
  /// Reports connections that waited too long for the other end; returns when to look again.
  [[nodiscard]] std::optional<clock::time_point> expire(peer_id self, clock::time_point now);

  transport_limits limits;
  std::mutex mutex;
  std::unordered_map<peer_id, station> stations;
  std::uint64_t links_made = 0;

 private:
  [[nodiscard]] link* find(peer_id self, peer_id peer);
  void deliver(peer_id from, link& l, peer_id to, outgoing_frame& frame);
  void break_link(peer_id self, peer_id peer, error reason);
};

}  // namespace troupe::inproc
