#include "actors/bin/bench_probe.hpp"

namespace troupe::cli {

void bench_probe::on_tokens(std::span<const token_event> events) {
  const auto now = clock::now();
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = times_.empty();
    for (const token_event& event : events)
      if (event.token >= 0) times_.push_back(now);
  }
  if (first) changed_.notify_all();
}

void bench_probe::on_done(const generation_summary& summary) {
  (void)summary;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
}

void bench_probe::on_error(const error& e) {
  {
    const std::lock_guard lock(mutex_);
    error_ = e;
    done_ = true;
  }
  changed_.notify_all();
}

result<void> bench_probe::wait_first(clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return done_ || !times_.empty(); }))
    return fail(errc::deadline_exceeded, "a benchmark request did not begin in time");
  if (error_) return fail(*error_);
  return {};
}

result<std::vector<bench_probe::clock::time_point>> bench_probe::wait(clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return done_; }))
    return fail(errc::deadline_exceeded, "a benchmark request did not end in time");
  if (error_) return fail(*error_);
  return times_;
}

}  // namespace troupe::cli
