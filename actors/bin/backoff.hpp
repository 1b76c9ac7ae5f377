#pragma once

#include <algorithm>
#include <chrono>

namespace troupe::cli {

/// How long to wait before something that failed is tried again: twice as long each time, up to a
/// bound.
class backoff {
 public:
  using duration = std::chrono::milliseconds;

  backoff(duration first, duration most) : first_(first), most_(most), next_(first) {}

  [[nodiscard]] duration next() {
    const duration now = next_;
    next_ = std::min(next_ * 2, most_);
    return now;
  }
  /// It worked: the next failure is the first again.
  void reset() { next_ = first_; }

 private:
  duration first_;
  duration most_;
  duration next_;
};

}  // namespace troupe::cli
