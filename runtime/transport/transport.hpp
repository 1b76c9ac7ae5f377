#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// Names a process for its lifetime: drawn at random when it starts, so that a process that comes
/// back is another peer and nothing of its former life reaches it.
using peer_id = std::uint64_t;

/// What a frame is, so that the receiver knows who takes it. The numbers are on the wire.
using frame_kind = std::uint16_t;

/// Memory that a frame's payload is sent from; `owner` keeps it alive until the frame has left.
struct payload_part {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Room for an incoming payload that somebody else provides; null: there is none.
struct payload_room {
  std::byte* data = nullptr;  ///< aligned to 64 bytes; the host may write to it
  std::shared_ptr<const void> owner;
};

/// A message on its way out: a small header and, behind it, bulk bytes from wherever they lie.
struct outgoing_frame {
  frame_kind kind = 0;
  std::vector<std::byte> header;
  std::vector<payload_part> payload;
};

/// A message that arrived. `payload` lies in memory of its own, aligned to 64 bytes, for as long as
/// `owner` lives; in-process transports hand over the sender's memory where it came in one part
/// that is so aligned. Until the last copy of `owner` is gone, the frame (one without a payload
/// too) counts against its sender's credits: whoever falls behind slows its senders down instead of
/// running out of memory. Copy what is to stay. Any thread may let go of it.
struct incoming_frame {
  peer_id from = 0;
  frame_kind kind = 0;
  std::vector<std::byte> header;
  std::span<const std::byte> payload;
  std::shared_ptr<const void> owner;
};

/// How to reach a peer: what its transport gave out, and the secret that this pair shares. Control
/// carries it; the data plane takes nothing from anybody whom control has not introduced.
struct peer_address {
  peer_id peer = 0;
  std::vector<std::byte> address;  ///< opaque; from transport::address() of that peer
  std::uint64_t nonce = 0;         ///< both ends were given the same
  /// The version of the data protocol that this pair speaks; 0: the newest of this process.
  std::uint32_t protocol = 0;
};

struct transport_counters {
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;  ///< headers and payloads
  std::uint64_t bytes_received = 0;
  std::uint64_t refused = 0;  ///< arrivals from strangers, malformed or past a bound: dropped
  std::uint64_t peers = 0;    ///< connected now
};

/// Carries frames between processes: in order and at most once from one peer to another while their
/// connection lives, nothing after it has broken. Any thread may call; handlers are called on the
/// transport's own thread, one at a time, and must be short and must not block.
class transport {
 public:
  using frame_handler = std::function<void(incoming_frame&&)>;
  /// A connection broke, for the reason given; it is gone, and connect() may begin a new one.
  using loss_handler = std::function<void(peer_id, const error&)>;

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  [[nodiscard]] virtual peer_id self() const = 0;
  /// What others pass to connect(), within peer_address.
  [[nodiscard]] virtual std::vector<std::byte> address() const = 0;

  /// To be called once, before the first connect(): nothing arrives earlier. No handler is called
  /// any more once the transport's destructor has returned; it must not run within one.
  virtual void start(frame_handler on_frame, loss_handler on_loss) = 0;

  /// Introduces a peer: from now on frames may go to it and are taken from it. Both ends are
  /// introduced to each other, in any order; frames sent before the other end knows this one wait
  /// for it, for at most the connect deadline. already_exists if it is connected.
  [[nodiscard]] virtual result<void> connect(const peer_address& peer) = 0;
  /// Ends the connection and drops what is queued for it or on its way. No loss is reported; a
  /// handler that runs meanwhile is the last one called for it. Unknown: ignored.
  virtual void disconnect(peer_id peer) = 0;

  /// Queues a frame. not_found: no such connection; out_of_range: larger than frames may be;
  /// exhausted: the peer takes no more for now (its credits, or the queue's bound, are used up):
  /// the caller decides what that means.
  [[nodiscard]] virtual result<void> send(peer_id to, outgoing_frame frame) = 0;

  /// Whether payload parts may lie in a GPU's memory: what carries them reads it without the host.
  [[nodiscard]] virtual bool reads_device_memory() const { return false; }

  [[nodiscard]] virtual transport_counters counters() const = 0;
};

}  // namespace troupe
