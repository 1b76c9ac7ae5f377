#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"
#include "runtime/transport/waker.hpp"

namespace troupe::ucx {

/// Wakes the progress thread. Memory of frames that arrived refers to it for as long as it lives.
struct doorbell {
  waker wake;
  std::atomic<bool> credits_due = false;  ///< some peer should hear what was released
};

/// A connection as senders know it: how much waits for it.
struct outbox {
  explicit outbox(peer_id p) : peer(p) {}
  const peer_id peer;
  std::atomic<bool> closed = false;  ///< by disconnect(): its handlers are called no more
  std::atomic<std::size_t> bytes = 0;
  std::atomic<std::uint32_t> frames = 0;

  /// The progress thread has passed a frame on, or dropped it.
  void leave(std::size_t frame_bytes) {
    bytes.fetch_sub(frame_bytes);
    frames.fetch_sub(1);
  }
};

/// What other threads want of the progress thread.
struct command {
  enum class action : std::uint8_t { connect, disconnect, send };
  action what = action::send;
  std::shared_ptr<outbox> box;
  peer_address address;  ///< of connect
  outgoing_frame frame;  ///< of send
};

/// Between the threads that call a transport and its progress thread: a queue, bounded by each
/// connection's outbox, and the list of connections, so that callers learn at once what cannot be.
class mailbox {
 public:
  mailbox(peer_id self, const transport_limits& limits) : self_(self), limits_(limits) {}

  // Any thread.
  [[nodiscard]] result<void> connect(const peer_address& peer);
  void disconnect(peer_id peer);
  [[nodiscard]] result<void> send(peer_id to, outgoing_frame frame);
  [[nodiscard]] const std::shared_ptr<doorbell>& bell() const { return bell_; }

  // The progress thread.
  /// Replaces `into` by what has come since the last call.
  void take(std::vector<command>& into);
  [[nodiscard]] bool empty() const { return !filled_.load(); }
  /// A connection broke: from now on there is none of that name.
  void forget(const outbox& box);

 private:
  void push(command c);

  const peer_id self_;
  const transport_limits limits_;
  const std::shared_ptr<doorbell> bell_ = std::make_shared<doorbell>();
  std::atomic<bool> filled_ = false;
  std::mutex mutex_;
  std::unordered_map<peer_id, std::shared_ptr<outbox>> boxes_;
  std::vector<command> queue_;
};

}  // namespace troupe::ucx
