#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "kernels/cpu/task.hpp"
#include "runtime/device/device_profile.hpp"

namespace troupe {

/// Adds up what a stream's threads noted of each task. For one thread at a time.
class profile_log {
 public:
  using clock = std::chrono::steady_clock;

  /// Starts afresh.
  void clear();
  /// One task, in the stream's order: first thread's start, last thread's end, the threads' mean
  /// time at work. `waited`: it was submitted after the task before it had ended.
  void add(const kernels::cpu::task_cost& cost, clock::time_point begin, clock::time_point end,
           clock::duration working, bool waited);
  [[nodiscard]] device_profile read() const;

 private:
  struct row {
    kernels::cpu::task_cost total;  ///< bytes and operations of all calls
    std::uint64_t calls = 0;
    clock::duration time{};
  };
  [[nodiscard]] row& row_of(const kernels::cpu::task_cost& cost);

  std::vector<row> rows_;
  std::uint64_t steps_ = 0;
  bool begun_ = false;
  clock::time_point last_end_;
  clock::duration handover_{}, starved_{}, step_gap_{}, imbalance_{};
};

}  // namespace troupe
