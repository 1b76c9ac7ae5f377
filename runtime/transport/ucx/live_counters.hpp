#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/transport/transport.hpp"

namespace troupe::ucx {

/// transport_counters that the progress thread counts and anybody reads.
struct live_counters {
  std::atomic<std::uint64_t> frames_sent = 0;
  std::atomic<std::uint64_t> frames_received = 0;
  std::atomic<std::uint64_t> bytes_sent = 0;
  std::atomic<std::uint64_t> bytes_received = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> peers = 0;

  [[nodiscard]] transport_counters read() const {
    return {frames_sent, frames_received, bytes_sent, bytes_received, refused, peers};
  }
};

}  // namespace troupe::ucx
