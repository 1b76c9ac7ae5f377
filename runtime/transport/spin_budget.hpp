#pragma once

#include <algorithm>
#include <chrono>

namespace troupe {

/// How long a thread that ran out of work looks for more before it sleeps. While work keeps coming
/// after short pauses it is worth about twice the pause; each long pause halves it, so that an idle
/// thread soon sleeps at once. Where threads compete for the processors it is not worth anything:
/// whoever spins there loses its turn when it matters, and takes others'. So a spin in which the
/// thread lost the processor ends spinning for a while, longer each time.
class spin_budget {
 public:
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds shortest_rest{100};
  static constexpr std::chrono::seconds longest_rest{10};

  explicit spin_budget(duration most) : most_(most), now_(most) {}

  [[nodiscard]] duration current() const { return now_; }
  /// A pause ended that took so long in all, the sleep included. Waking up takes time of its own:
  /// a pause of up to twice the longest spin might have been short enough.
  void observe(duration pause, time_point at) {
    if (at < rest_until_) return;
    if (pause > 2 * most_) {
      now_ /= 2;
    } else {
      now_ = std::min(most_, std::max(now_, 2 * pause));
    }
  }
  /// While it spun, somebody else had the processor.
  void preempted(time_point at) {
    rest_ = at < rest_until_ + rest_ ? std::min<duration>(2 * rest_, longest_rest) : shortest_rest;
    rest_until_ = at + rest_;
    now_ = {};
  }

 private:
  duration most_;
  duration now_;
  duration rest_ = shortest_rest;
  time_point rest_until_{};
};

}  // namespace troupe
