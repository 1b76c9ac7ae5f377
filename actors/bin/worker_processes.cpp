#include "actors/bin/worker_processes.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <future>
#include <list>
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

/// For a program to be started by the thread that keeps them.
constexpr std::chrono::seconds add_limit{15};
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
  std::optional<clock::time_point> kill_at;  ///< it is to go
};

/// What another thread wants.
struct wish {
  std::optional<worker_processes::worker> add;
  std::string remove;
  std::promise<result<void>> done;
};

/// Everything happens on one thread, which starts the children too: the kernel kills them when the
/// thread that started them ends.
class kept_processes final : public worker_processes {
 public:
  kept_processes(std::vector<worker> workers, notice tell, const worker_timing& times)
      : tell_(std::move(tell)), times_(times) {
    for (worker& w : workers) slots_.push_back(slot_for(std::move(w)));
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

  [[nodiscard]] result<void> add(worker added) override {
    wish w;
    w.add = std::move(added);
    auto outcome = w.done.get_future();
    put(std::move(w));
    if (outcome.wait_for(add_limit) == std::future_status::ready) return outcome.get();
    return fail(errc::deadline_exceeded, "no process was started within {} s", add_limit.count());
  }

  void remove(const std::string& name) override {
    wish w;
    w.remove = name;
    put(std::move(w));
  }

 private:
  void put(wish w) {
    const std::scoped_lock lock(mutex_);
    wishes_.push_back(std::move(w));
  }

  [[nodiscard]] slot slot_for(worker w) const {
    return {.worker = std::move(w),
            .pause = backoff(times_.first_pause, times_.most_pause),
            .child = {},
            .started = {},
            .due = {},
            .kill_at = {}};
  }

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
    grant_wishes(now);
    for (slot& s : slots_) {
      child_process::end how;
      if (s.child && s.child->finished(how)) bury(s, how, now);
      if (s.child && s.kill_at && now >= *s.kill_at) s.child->kill();
      if (s.child || s.left || s.kill_at || now < s.due) continue;
      if (const auto done = start(s, now); !done) retry(s, now, done.error().message());
    }
    if (slots_.remove_if([](const slot& s) { return s.kill_at && !s.child; }) > 0) publish();
  }

  void grant_wishes(clock::time_point now) {
    std::vector<wish> wishes;
    {
      const std::scoped_lock lock(mutex_);
      wishes.swap(wishes_);
    }
    for (wish& w : wishes) {
      if (w.add)
        w.done.set_value(start_another(std::move(*w.add), now));
      else
        begin_to_end(w.remove, now);
    }
  }

  result<void> start_another(worker added, clock::time_point now) {
    slots_.remove_if([&](const slot& s) { return s.left && s.worker.name == added.name; });
    for (const slot& s : slots_)
      if (s.worker.name == added.name)
        return fail(errc::already_exists, "there is a process {} already", added.name);
    slots_.push_back(slot_for(std::move(added)));
    auto done = start(slots_.back(), now);
    if (!done) slots_.pop_back();
    return done;
  }

  void begin_to_end(const std::string& name, clock::time_point now) {
    for (slot& s : slots_) {
      if (s.worker.name != name || s.kill_at) continue;
      s.kill_at = now + times_.stop_within;
      if (s.child) s.child->terminate();
    }
  }

  void bury(slot& s, const child_process::end& how, clock::time_point now) {
    const int pid = s.child->pid();
    s.child.reset();
    if (now - s.started >= times_.steady_after) s.pause.reset();
    if (s.kill_at) {
      tell_(fmt::format("{} (process {}) was told to end: {}", s.worker.name, pid, how.text()));
    } else if (how.code == 0 && how.signal == 0) {
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
  std::list<slot> slots_;  ///< of the thread
  mutable std::mutex mutex_;
  std::vector<wish> wishes_;
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
