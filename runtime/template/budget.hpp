#pragma once

#include <cstddef>
#include <utility>

namespace troupe::jinja {

/// Counts the bytes of everything one rendering keeps alive. Not thread-safe: one rendering, one
/// thread.
class memory_budget {
 public:
  explicit memory_budget(std::size_t limit) : limit_(limit) {}

  /// True when `bytes` more would still be within the limit. Asked before a large allocation.
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return used_ <= limit_ && bytes <= limit_ - used_;
  }
  /// Small allocations are counted first and found to be too many at the next step.
  [[nodiscard]] bool exceeded() const { return used_ > limit_; }
  void take(std::size_t bytes) { used_ += bytes; }
  void give(std::size_t bytes) { used_ -= bytes; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

/// The share of a budget that one object holds for as long as it lives. A charge without a budget
/// costs nothing: constants of a compiled template belong to no rendering.
class charge {
 public:
  charge() = default;
  charge(memory_budget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {
    if (budget_ != nullptr) budget_->take(bytes_);
  }
  charge(charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  charge& operator=(charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  charge(const charge&) = delete;
  charge& operator=(const charge&) = delete;
  ~charge() {
    if (budget_ != nullptr) budget_->give(bytes_);
  }

 private:
  memory_budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace troupe::jinja
