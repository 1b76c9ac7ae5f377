#pragma once

#include <atomic>

namespace troupe {

/// Lets any thread wake one that waits in poll() on this object's descriptor. A system call is made
/// only when it sleeps.
class waker {
 public:
  /// Throws std::system_error if the system has no descriptor left.
  waker();
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;
  ~waker();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// The waiting thread, before it looks for work for the last time and sleeps.
  void announce() { asleep_.store(true); }
  /// The waiting thread, once it is up.
  void clear();
  /// Whoever has made work, afterwards.
  void wake();

 private:
  int descriptor_;
  std::atomic<bool> asleep_ = false;
};

}  // namespace troupe
