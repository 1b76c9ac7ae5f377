#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/cpu/task.hpp"

namespace troupe::kernels::bench {

/// Threads that meet at a barrier before and after each task.
class bench_stream final : public cpu::stream {
 public:
  explicit bench_stream(std::uint32_t threads) : threads_(threads), meet_(threads) {
    for (std::uint32_t i = 0; i < threads; ++i)
      scratch_.emplace_back(std::make_unique<block[]>(cpu::worker_scratch_bytes / sizeof(block)));
    for (std::uint32_t i = 1; i < threads; ++i) helpers_.emplace_back([this, i] { serve(i); });
  }
  ~bench_stream() {
    task_ = nullptr;
    meet_.arrive_and_wait();
    for (std::thread& t : helpers_) t.join();
  }

  void submit(const cpu::task& t) override {
    task_ = &t;
    next_ = 0;
    meet_.arrive_and_wait();
    work(0);
    meet_.arrive_and_wait();
  }
  [[nodiscard]] std::uint32_t threads() const override { return threads_; }

 private:
  struct alignas(64) block {
    std::byte bytes[64];
  };

  void serve(std::uint32_t index) {
    for (;;) {
      meet_.arrive_and_wait();
      if (task_ == nullptr) return;
      work(index);
      meet_.arrive_and_wait();
    }
  }

  void work(std::uint32_t index) {
    const cpu::worker w{index, threads_, scratch_[index][0].bytes, cpu::worker_scratch_bytes};
    for (;;) {
      const std::uint32_t begin = next_.fetch_add(task_->grain);
      if (begin >= task_->items) return;
      task_->body(task_->params, begin, std::min(begin + task_->grain, task_->items), w);
    }
  }

  std::uint32_t threads_;
  std::barrier<> meet_;
  std::vector<std::unique_ptr<block[]>> scratch_;
  const cpu::task* task_ = nullptr;
  std::atomic<std::uint32_t> next_ = 0;
  std::vector<std::thread> helpers_;
};

/// Seconds a call takes: the best of the runs in 0.3 s, as other work on the machine only adds.
template <class Call>
[[nodiscard]] double best_seconds(const Call& call) {
  using clock = std::chrono::steady_clock;
  double best = 1e9;
  double all = 0;
  for (int i = 0; i < 5 || all < 0.3; ++i) {
    const auto begin = clock::now();
    call();
    const double took = std::chrono::duration<double>(clock::now() - begin).count();
    best = std::min(best, took);
    all += took;
  }
  return best;
}

}  // namespace troupe::kernels::bench
