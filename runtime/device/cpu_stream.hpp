#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/cpu/task.hpp"

namespace troupe {

/// An in-order queue of tasks and the threads that execute it together: each task's pieces are
/// shared among all threads, and the next task starts when every piece is done.
///
/// Threads walk the same ring of tasks; between tasks they meet at a barrier. A waiting thread
/// spins for a bounded while and then sleeps on a futex, so that an idle server uses no processor
/// time. The ring is bounded: submit() waits while it is full, which holds run-ahead back.
class cpu_stream final : public kernels::cpu::stream {
 public:
  struct options {
    std::uint32_t threads = 1;
    std::uint32_t capacity = 8192;  ///< tasks in the ring; a power of two
    std::uint32_t spin = 4000;      ///< polls before sleeping
    bool pin = true;                ///< bind thread i to the i-th processor this process may use
  };

  /// Starts the threads; throws std::system_error if it cannot.
  explicit cpu_stream(const options& o);
  cpu_stream(const cpu_stream&) = delete;
  cpu_stream& operator=(const cpu_stream&) = delete;
  /// Finishes every submitted task, then ends the threads.
  ~cpu_stream();

  void submit(const kernels::cpu::task& t) override;
  [[nodiscard]] std::uint32_t threads() const override { return threads_; }

 private:
  /// A place in the ring. `turn` says whose it is: i before task i is written, i + 1 once it is
  /// there.
  struct alignas(64) slot {
    std::atomic<std::uint64_t> turn = 0;
    std::atomic<std::uint32_t> next = 0;
    std::atomic<std::uint32_t> arrived = 0;
    kernels::cpu::task work;
  };

  void run(std::uint32_t index, bool pin);
  void execute(slot& s, const kernels::cpu::worker& w);
  void wake();
  template <class Ready>
  void wait(Ready ready);

  std::uint32_t threads_;
  std::uint32_t spin_;
  std::uint64_t mask_;
  std::unique_ptr<slot[]> ring_;
  alignas(64) std::atomic<std::uint64_t> tail_ = 0;       ///< next ticket for a producer
  alignas(64) std::atomic<std::uint64_t> completed_ = 0;  ///< tasks whose every piece is done
  alignas(64) std::atomic<std::uint32_t> sleepers_ = 0;
  std::atomic<std::uint32_t> wakeups_ = 0;
  std::atomic<bool> stopping_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace troupe
