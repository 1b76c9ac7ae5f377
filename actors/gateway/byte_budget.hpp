#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace troupe::gateway {

/// Bytes that all requests together may hold. Any thread.
class byte_budget {
 public:
  explicit byte_budget(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] bool take(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= limit_) return true;
    used_ -= bytes;
    return false;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
};

/// One request's share of a budget, given back with this object. One thread at a time.
class byte_lease {
 public:
  explicit byte_lease(std::shared_ptr<byte_budget> budget) : budget_(std::move(budget)) {}
  byte_lease(byte_lease&& other) noexcept
      : budget_(std::move(other.budget_)), held_(std::exchange(other.held_, 0)) {}
  byte_lease& operator=(byte_lease&&) = delete;
  byte_lease(const byte_lease&) = delete;
  byte_lease& operator=(const byte_lease&) = delete;
  ~byte_lease() { give_back(); }

  /// Another object takes over what is held; this one may grow again from nothing.
  [[nodiscard]] byte_lease hand_over() {
    byte_lease taker(budget_);
    taker.held_ = std::exchange(held_, 0);
    return taker;
  }
  void give_back() {
    if (held_ > 0) budget_->give_back(std::exchange(held_, 0));
  }

  /// False, with nothing taken, where the budget has no room.
  [[nodiscard]] bool grow_to(std::size_t bytes) {
    if (bytes <= held_) return true;
    if (!budget_->take(bytes - held_)) return false;
    held_ = bytes;
    return true;
  }

 private:
  std::shared_ptr<byte_budget> budget_;
  std::size_t held_ = 0;
};

}  // namespace troupe::gateway
