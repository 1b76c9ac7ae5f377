#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// How a process takes part in the data plane over UCX.
struct ucx_settings {
  /// A numeric address of this machine at which peers reach it. The port is any free one, of
  /// UCX_TCP_PORT_RANGE where the environment has that.
  std::string host = "127.0.0.1";
  /// What UCX may use (its UCX_TLS), one of which each two peers must have in common; empty: what
  /// the environment says, or everything. Shared memory ("posix") is faster within a host, but one
  /// queue takes the frames of all its senders: a sender that is stopped in the very moment of
  /// writing there stops the others with it, and only silence tells that a process is gone. So it
  /// is not for peers that may fail.
  std::string transports = "tcp";
  /// Network devices (UCX_NET_DEVICES); empty: the interface that has `host`.
  std::string devices;
  transport_limits limits;
  /// A peer that said nothing for this long is asked; one that stays silent for the deadline is
  /// lost. An interval of zero: silence is somebody else's concern.
  std::chrono::milliseconds keepalive_interval{100};
  std::chrono::milliseconds keepalive_deadline{700};
  /// The most that the progress thread looks for work before it sleeps; zero: it sleeps at once.
  /// Nothing said: 50 us where there are processors to spare (8 or more), else zero, as a thread
  /// that looks keeps another one, maybe the peer's, from running.
  std::optional<std::chrono::microseconds> spin = std::nullopt;
  /// Payloads from this size on wait at the sender until the receiver has memory for them, and are
  /// copied less often; not over TCP, where everything goes in pieces (port.hpp).
  std::size_t rendezvous_bytes = std::size_t{64} << 10;
  /// Where payloads of a memory page and more are received: memory that a device reads by itself.
  /// Nothing said, or nothing there: ordinary memory. Called on the transport's thread.
  std::function<payload_room(std::size_t bytes)> payload_memory = nullptr;
  /// What it speaks with peers for whom control names no version.
  std::uint16_t wire_version = 1;
};

}  // namespace troupe
