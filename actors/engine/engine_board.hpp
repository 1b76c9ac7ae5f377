#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "runtime/api/generation.hpp"

namespace troupe {

/// What the actors of a process let the rest of it read: counters and health. Any thread.
class engine_board {
 public:
  [[nodiscard]] engine_stats read() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  /// `change` gets the counters to update; it must be short.
  template <class Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
  }

  /// When the request came that has waited longest to be begun; none: none waits.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waiting_since() const {
    const std::lock_guard lock(mutex_);
    return waiting_since_;
  }
  void set_waiting_since(std::optional<std::chrono::steady_clock::time_point> since) {
    const std::lock_guard lock(mutex_);
    waiting_since_ = since;
  }

  [[nodiscard]] bool healthy() const { return healthy_.load(); }
  void set_healthy(bool healthy) { healthy_.store(healthy); }

 private:
  mutable std::mutex mutex_;
  engine_stats stats_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;
  std::atomic<bool> healthy_ = false;
};

}  // namespace troupe
