#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/cpu/task.hpp"
#include "runtime/device/profile_log.hpp"

namespace troupe {

/// An in-order queue of tasks and the threads that execute it together: each task's pieces are
/// shared among the threads that are there, and the next task starts when every piece is done. A
/// thread that the machine has put aside, for an actor to run in its place, holds nothing back but
/// the piece it was at.
///
/// Tasks lie in a ring, and the count of completed ones says which is being executed. A waiting
/// thread spins for a bounded while and then sleeps on a futex, so that an idle server uses no
/// processor time. The ring is bounded: submit() waits while it is full, which holds run-ahead
/// back.
class cpu_stream final : public kernels::cpu::stream {
 public:
  struct options {
    std::uint32_t threads = 1;
    std::uint32_t capacity = 8192;  ///< tasks in the ring; a power of two
    std::uint32_t spin = 4000;      ///< polls before sleeping
    bool pin = true;                ///< bind thread i to a processor: of those this process may use
    std::uint32_t first = 0;        ///< the (first + i)-th
  };

  /// Starts the threads; throws std::system_error if it cannot.
  explicit cpu_stream(const options& o);
  cpu_stream(const cpu_stream&) = delete;
  cpu_stream& operator=(const cpu_stream&) = delete;
  /// Finishes every submitted task, then ends the threads.
  ~cpu_stream();

  void submit(const kernels::cpu::task& t) override;
  [[nodiscard]] std::uint32_t threads() const override { return threads_; }

  [[nodiscard]] device_counters counters() const;
  /// Tasks submitted between the two are noted. Start again only after profile().
  void start_profile();
  void stop_profile() { logging_.store(false); }
  /// What was noted; call it once the stream has passed those tasks.
  [[nodiscard]] device_profile profile() const { return log_.read(); }

 private:
  using clock = profile_log::clock;
  /// A place in the ring. `turn` says whose it is: i before task i is written, i + 1 once it is
  /// there. `left` counts the items that nobody has yet, above them the task's number: so a thread
  /// that comes late cannot take items of the task that has the place meanwhile.
  struct alignas(64) slot {
    std::atomic<std::uint64_t> turn = 0;
    std::atomic<std::uint64_t> left = 0;
    std::atomic<std::uint32_t> grain = 1;
    std::atomic<std::uint32_t> done = 0;  ///< items
    bool logged = false;
    kernels::cpu::task work;
  };
  /// Items of a task that a thread took; none when count is 0.
  struct piece {
    std::uint32_t left = 0;  ///< before it was taken
    std::uint32_t count = 0;
  };
  /// When a thread began and ended its share of a logged task.
  struct alignas(64) share {
    std::uint64_t ticket = none;
    clock::time_point begin, end;
  };
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  void run(std::uint32_t index);
  [[nodiscard]] static piece take(slot& s, std::uint64_t ticket);
  /// Which piece the turn-th one to be taken is: threads that take turns read neighbouring pieces
  /// one after another, each in its own part of the memory, which is what prefetching likes.
  [[nodiscard]] std::uint32_t place(std::uint32_t turn, std::uint32_t pieces) const;
  void execute(slot& s, std::uint64_t ticket, const kernels::cpu::worker& w);
  void log(const slot& s, std::uint64_t ticket);
  void wake();
  template <class Ready>
  void wait(Ready ready);

  std::uint32_t threads_;
  std::uint32_t spin_;
  std::uint64_t mask_;
  std::unique_ptr<slot[]> ring_;
  alignas(64) std::atomic<std::uint64_t> tail_ = 0;       ///< next ticket for a producer
  alignas(64) std::atomic<std::uint64_t> completed_ = 0;  ///< tasks whose every piece is done
  alignas(64) std::atomic<bool> sleeping_ = false;        ///< somebody, since the last wake
  std::atomic<std::uint32_t> wakeups_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> logging_ = false;
  std::atomic<std::uint64_t> sleeps_ = 0, wakes_ = 0;
  // Of logged tasks: each thread writes its share, the one that completes the task reads all.
  std::vector<share> shares_;
  profile_log log_;
  bool next_waits_ = false;  ///< there was no next task yet when the last logged one ended
  std::vector<std::jthread> workers_;
};

}  // namespace troupe
