#pragma once

#include <atomic>
#include <mutex>

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

  [[nodiscard]] bool healthy() const { return healthy_.load(); }
  void set_healthy(bool healthy) { healthy_.store(healthy); }

 private:
  mutable std::mutex mutex_;
  engine_stats stats_;
  std::atomic<bool> healthy_ = false;
};

}  // namespace troupe
