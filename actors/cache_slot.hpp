#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// Where a cache manager leaves what it knows of its pages when it ends, for one that goes on with
/// the same pages. Any thread.
class cache_slot {
 public:
  void put(std::unique_ptr<kv_manager> manager) {
    const std::lock_guard lock(mutex_);
    manager_ = std::move(manager);
  }
  /// Null: its manager has not ended, or somebody has taken it.
  [[nodiscard]] std::unique_ptr<kv_manager> take() {
    const std::lock_guard lock(mutex_);
    return std::move(manager_);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<kv_manager> manager_;
};

}  // namespace troupe
