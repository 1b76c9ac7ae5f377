#include "runtime/keys/use_exchange.hpp"

#include <algorithm>
#include <chrono>

namespace troupe {

void use_exchange::share(const std::shared_ptr<key_ring>& keys) {
  const std::lock_guard lock(mutex_);
  keys_ = keys;
  if (!keys) return;
  (void)keys->taken();  // from before there were others
  keys->divide(joined_ ? 1 : sharers_);
}

bool use_exchange::shares() const {
  const std::lock_guard lock(mutex_);
  return !keys_.expired();
}

std::vector<key_taken> use_exchange::take() {
  const std::lock_guard lock(mutex_);
  const auto keys = keys_.lock();
  if (!keys) return {};
  std::vector<key_taken> taken = keys->taken();
  if (!joined_) taken.clear();
  return taken;
}

void use_exchange::add(std::span<const key_taken> taken) {
  const std::lock_guard lock(mutex_);
  if (const auto keys = keys_.lock()) keys->add(taken, std::chrono::steady_clock::now());
}

void use_exchange::join(std::uint32_t sharers) {
  const std::lock_guard lock(mutex_);
  sharers_ = std::max(sharers, 1U);
  const auto keys = keys_.lock();
  if (keys && !joined_) {
    (void)keys->taken();
    keys->divide(1);
  }
  joined_ = true;
}

void use_exchange::part() {
  const std::lock_guard lock(mutex_);
  joined_ = false;
  if (const auto keys = keys_.lock()) keys->divide(sharers_);
}

}  // namespace troupe
