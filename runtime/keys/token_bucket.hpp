#pragma once

#include <algorithm>
#include <chrono>

namespace troupe {

/// A level that rises at a steady rate up to a capacity and is taken from, if need be below zero:
/// a debt that later takers wait for. The caller brings the time, which never goes back.
class token_bucket {
 public:
  using time = std::chrono::steady_clock::time_point;
  using seconds = std::chrono::duration<double>;

  /// Full at `now`; `per_second` is above zero.
  token_bucket(double capacity, double per_second, time now)
      : capacity_(capacity), per_second_(per_second), level_(capacity), at_(now) {}

  [[nodiscard]] double capacity() const { return capacity_; }
  [[nodiscard]] double level(time now) const {
    return std::min(capacity_, level_ + per_second_ * seconds(now - at_).count());
  }
  /// Negative: gives back.
  void take(double amount, time now) {
    level_ = std::min(capacity_, level(now) - amount);
    at_ = now;
  }
  /// Until the level is there, if nobody takes meanwhile; zero where it is. `wanted` is at most the
  /// capacity.
  [[nodiscard]] seconds until(double wanted, time now) const {
    return seconds(std::max(0.0, (wanted - level(now)) / per_second_));
  }

 private:
  double capacity_;
  double per_second_;
  double level_;
  time at_;
};

}  // namespace troupe
