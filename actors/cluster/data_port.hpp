#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/transport/transport.hpp"
#include "runtime/wire/traffic.hpp"

namespace troupe {

/// A process's end of the data plane: its transport, and who takes which kind of frame. Any thread.
class data_port {
 public:
  /// Called on the transport's thread, or a sender's within this process: short, never blocking.
  using taker = std::function<void(incoming_frame&&)>;

  explicit data_port(std::unique_ptr<transport> net) : net_(std::move(net)) {}

  /// Frames of this kind go to `take` from now on; an empty one: they are dropped. After close():
  /// ignored.
  void route(frame_kind kind, taker take);
  /// Begins to listen; once.
  void start(transport::loss_handler on_loss);
  /// Hands nothing to anybody any more, waits for whoever is being handed something, and lets go of
  /// all takers. To be called before their owner lets go of the port: else a taker at work could be
  /// the last to hold it, and the transport's thread would have to wait for its own end.
  void close();

  /// Whether what is sent may lie in the device's own memory, which it must have for that.
  [[nodiscard]] bool reads_memory_of(const device& d) const {
    return d.has_own_memory() && net_->reads_device_memory();
  }
  [[nodiscard]] peer_id self() const { return net_->self(); }
  [[nodiscard]] std::vector<std::byte> address() const { return net_->address(); }
  /// Connects to those that are not connected yet and ends the connections to all others. A peer
  /// that cannot be reached is reported as lost later; the first error of another kind is returned.
  [[nodiscard]] result<void> connect_to(const std::vector<peer_address>& peers);
  /// Connects to one more, unless it is connected.
  [[nodiscard]] result<void> connect(const peer_address& peer);
  void disconnect(peer_id peer);
  /// transport::send, in the version that this peer was introduced with; a refused frame is
  /// counted. What goes to this process itself, as when it
  /// holds two stages in a row, is taken at once, on the caller's thread.
  result<void> send(peer_id to, outgoing_frame frame);
  [[nodiscard]] transport_counters counters() const { return net_->counters(); }
  /// What the transport took for other processes, by kind.
  [[nodiscard]] std::vector<kind_traffic> sent() const { return sent_.read(); }
  /// Frames that were not sent, and frames that nobody took.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(); }

 private:
  [[nodiscard]] result<void> connect_locked(const peer_address& peer);
  void take(incoming_frame&& frame);
  /// False once closed; else leave() is to follow.
  [[nodiscard]] bool enter();
  void leave();

  std::mutex mutex_;
  bool closed_ = false;
  std::size_t handing_ = 0;  ///< calls of takers and of the loss handler under way
  std::condition_variable handed_;
  std::map<frame_kind, std::shared_ptr<const taker>> takers_;
  struct connection {
    std::uint64_t nonce = 0;
    std::uint32_t protocol = 0;  ///< 0: this process's newest
  };
  std::map<peer_id, connection> connected_;
  std::atomic<std::uint64_t> dropped_ = 0;
  traffic_meter sent_;
  std::unique_ptr<transport> net_;  ///< last: its thread calls in here
};

}  // namespace troupe
