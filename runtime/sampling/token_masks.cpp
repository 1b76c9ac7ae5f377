#include "runtime/sampling/token_masks.hpp"

namespace troupe {

void token_masks::publish() {
  {
    const std::lock_guard lock(mutex_);
    published_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

bool token_masks::await(std::chrono::milliseconds limit) const {
  // Mostly they have been there for long: the layers before the head take their time.
  if (published_.load(std::memory_order_acquire)) return true;
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return published_.load(std::memory_order_acquire); });
}

}  // namespace troupe
