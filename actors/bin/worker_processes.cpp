#include "actors/bin/worker_processes.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "actors/bin/backoff.hpp"

namespace troupe::cli {
namespace {

using clock = std::chrono::steady_clock;

/// A death is seen at once; this bounds how long the end of everything goes unseen.
constexpr std::chrono::milliseconds longest_wait{50};

struct slot {
  worker_processes::worker worker;
  backoff pause;
  std::optional<child_process> child;
  clock::time_point started;
  clock::time_point due;  ///< of the next start, where there is no child
  std::uint32_t starts = 0;
  bool left = false;
};

/// Everything happens on one thread, which starts the children too: the kernel kills them when the
/// thread that started them ends.
class kept_processes final : public worker_processes {
 public:
  kept_processes(std::vector<worker> workers, notice tell, const worker_timing& times)
      : tell_(std::move(tell)), times_(times) {
    for (worker& w : workers)
      slots_.push_back({.worker = std::move(w),
                        .pause = backoff(times.first_pause, times.most_pause),
                        .child = {},
                        .started = {},
                        .due = {}});
    publish();
  }
  ~kept_processes() override = default;

  result<void> launch() {
    std::promise<result<void>> up;
    auto outcome = up.get_future();
    thread_ = std::jthread([this, &up](const std::stop_token& stop) {
      auto begun = begin();
      const bool runs = begun.has_value();
      up.set_value(std::move(begun));
      while (runs && !stop.stop_requested()) {
        look_after(clock::now());
        wait();
      }
      end_all();
    });
    return outcome.get();
  }

  [[nodiscard]] std::vector<status> state() const override {
    const std::scoped_lock lock(mutex_);
    return state_;
  }

 private:
  result<void> begin() {
    for (slot& s : slots_)
      if (auto done = start(s, clock::now()); !done) return done;
    return {};
  }

  result<void> start(slot& s, clock::time_point now) {
    auto child = child_process::start(s.worker.command);
    if (!child) return fail(child.error().within(s.worker.name));
    s.child.emplace(std::move(*child));
    s.started = now;
    ++s.starts;
    publish();
    return {};
  }

  void look_after(clock::time_point now) {
    for (slot& s : slots_) {
      child_process::end how;
      if (s.child && s.child->finished(how)) bury(s, how, now);
      if (s.child || s.left || now < s.due) continue;
      if (const auto done = start(s, now); !done) retry(s, now, done.error().message());
    }
  }

  void bury(slot& s, const child_process::end& how, clock::time_point now) {
    const int pid = s.child->pid();
    s.child.reset();
    if (now - s.started >= times_.steady_after) s.pause.reset();
    if (how.code == 0 && how.signal == 0) {
      s.left = true;
      tell_(fmt::format("{} (process {}) has left", s.worker.name, pid));
    } else {
      retry(s, now, fmt::format("{} (process {}) ended: {}", s.worker.name, pid, how.text()));
    }
    publish();
  }

  void retry(slot& s, clock::time_point now, const std::string& why) {
    const auto pause = s.pause.next();
    s.due = now + pause;
    tell_(fmt::format("{}; starting it again in {:.1f} s", why,
                      static_cast<double>(pause.count()) / 1000));
  }

  /// Until a child ends, for a moment at most.
  void wait() {
    std::vector<pollfd> watched;
    for (const slot& s : slots_)
      if (s.child) watched.push_back({s.child->watched(), POLLIN, 0});
    (void)::poll(watched.data(), watched.size(), static_cast<int>(longest_wait.count()));
  }

  void end_all() {
    for (const slot& s : slots_)
      if (s.child) s.child->terminate();
    const auto deadline = clock::now() + times_.stop_within;
    for (slot& s : slots_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
      if (s.child && !s.child->wait(std::max(left, std::chrono::milliseconds(0))))
        tell_(fmt::format("{} (process {}) did not end when asked to and is killed", s.worker.name,
                          s.child->pid()));
    }
    for (slot& s : slots_) s.child.reset();
    publish();
  }

  void publish() {
    std::vector<status> now;
    now.reserve(slots_.size());
    for (const slot& s : slots_)
      now.push_back({s.worker.name, s.child ? s.child->pid() : 0, s.starts, s.left});
    const std::scoped_lock lock(mutex_);
    state_ = std::move(now);
  }

  notice tell_;
  worker_timing times_;
  std::vector<slot> slots_;  ///< of the thread
  mutable std::mutex mutex_;
  std::vector<status> state_;
  std::jthread thread_;  ///< last: it ends before what it uses
};

}  // namespace

result<std::unique_ptr<worker_processes>> worker_processes::start(std::vector<worker> workers,
                                                                  notice tell,
                                                                  const worker_timing& times) {
  try {
    auto kept = std::make_unique<kept_processes>(std::move(workers), std::move(tell), times);
    if (auto up = kept->launch(); !up) return fail(std::move(up.error()));
    return kept;
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "no thread for the workers: {}", e.what());
  }
}

}  // namespace troupe::cli
