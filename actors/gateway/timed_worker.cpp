#include "actors/gateway/timed_worker.hpp"

#include <utility>

namespace troupe::gateway {

timed_worker::timed_worker(std::size_t most)
    : most_(most), thread_([this](const std::stop_token& stop) { run(stop); }) {}

timed_worker::~timed_worker() { stop(); }

bool timed_worker::post(job what, std::chrono::milliseconds delay) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || jobs_.size() >= most_) return false;
    jobs_.emplace(std::chrono::steady_clock::now() + delay, std::move(what));
  }
  changed_.notify_one();
  return true;
}

void timed_worker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void timed_worker::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const time now = std::chrono::steady_clock::now();
    if (!jobs_.empty() && jobs_.begin()->first <= now) {
      auto due = jobs_.extract(jobs_.begin());
      lock.unlock();
      due.mapped()();
      // Whatever the job holds goes outside the lock.
      due = {};
      lock.lock();
      continue;
    }
    if (stop.stop_requested()) break;
    if (jobs_.empty()) {
      changed_.wait(lock, stop, [this] { return !jobs_.empty(); });
    } else {
      const time next = jobs_.begin()->first;
      changed_.wait_until(lock, stop, next,
                          [&] { return !jobs_.empty() && jobs_.begin()->first < next; });
    }
  }
  auto dropped = std::exchange(jobs_, {});
  lock.unlock();
}

}  // namespace troupe::gateway
