#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

namespace troupe::gateway {

/// A thread that does jobs one after the other, each at its time: what waits for a disk, or for a
/// while. Any thread.
class timed_worker {
 public:
  using job = std::function<void()>;

  /// So many jobs may wait.
  explicit timed_worker(std::size_t most);
  timed_worker(const timed_worker&) = delete;
  timed_worker& operator=(const timed_worker&) = delete;
  /// See stop().
  ~timed_worker();

  /// False where too many wait, or it has been stopped: the job is never done. Jobs must not throw.
  [[nodiscard]] bool post(job what, std::chrono::milliseconds delay = std::chrono::milliseconds(0));
  /// Does what is due and drops what is not; returns once the last job is over. Not from a job.
  void stop();

 private:
  using time = std::chrono::steady_clock::time_point;
  void run(const std::stop_token& stop);

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::multimap<time, job> jobs_;
  bool closed_ = false;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace troupe::gateway
