#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "runtime/transport/fault/fault_transport.hpp"

namespace troupe {

/// Moves a fault transport's time along with the real one, for processes that run against the
/// clock; tests of decisions call advance() themselves. The transport must outlive it.
class fault_clock {
 public:
  explicit fault_clock(fault_transport& of,
                       std::chrono::microseconds tick = std::chrono::microseconds(500))
      : thread_([&of, tick, this](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!changed_.wait_for(lock, stop, tick, [] { return false; }) &&
                 !stop.stop_requested())
            of.advance(fault_transport::clock::now());
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

}  // namespace troupe
