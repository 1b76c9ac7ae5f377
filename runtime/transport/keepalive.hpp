#pragma once

#include <algorithm>
#include <chrono>

namespace troupe {

/// Decides when to ask a silent peer for a sign of life and when to give it up. Time in which this
/// process itself did not run (stopped, or starved of the processor) counts as one interval at
/// most, so that whoever wakes late does not take its peers for dead.
class keepalive {
 public:
  using clock = std::chrono::steady_clock;
  enum class verdict { nothing, ask, lost };

  /// An interval of zero: never asks, never gives up.
  keepalive(clock::duration interval, clock::duration deadline, clock::time_point now)
      : interval_(interval), deadline_(deadline), last_(now) {}

  /// Something arrived since the last tick.
  void heard() { heard_ = true; }
  /// Call it about twice an interval.
  [[nodiscard]] verdict tick(clock::time_point now) {
    if (interval_ <= clock::duration::zero()) return verdict::nothing;
    const auto passed = std::clamp(now - last_, clock::duration::zero(), interval_);
    last_ = now;
    silent_ = heard_ ? clock::duration::zero() : silent_ + passed;
    since_asked_ += passed;
    heard_ = false;
    if (silent_ >= deadline_) return verdict::lost;
    if (silent_ < interval_ / 2 || since_asked_ < interval_) return verdict::nothing;
    since_asked_ = clock::duration::zero();
    return verdict::ask;
  }
  [[nodiscard]] clock::duration silent() const { return silent_; }

 private:
  clock::duration interval_;
  clock::duration deadline_;
  clock::time_point last_;
  clock::duration silent_{};
  clock::duration since_asked_{};
  bool heard_ = false;
};

}  // namespace troupe
