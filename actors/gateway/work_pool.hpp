#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace troupe::gateway {

/// A few threads for what would hold up the io thread: parsing bodies, rendering templates,
/// tokenizing. The number of jobs, waiting and running, is bounded.
class work_pool {
 public:
  work_pool(std::uint32_t threads, std::size_t max_jobs)
      : threads_(threads > 0 ? threads : 1), max_jobs_(max_jobs) {}
  work_pool(const work_pool&) = delete;
  work_pool& operator=(const work_pool&) = delete;
  ~work_pool() { finish(); }

  /// False where too many jobs wait already. Jobs must not throw.
  template <class Job>
  [[nodiscard]] bool post(Job job) {
    if (jobs_.fetch_add(1) >= max_jobs_) {
      --jobs_;
      return false;
    }
    boost::asio::post(threads_, [this, job = std::move(job)]() mutable {
      // Whatever the job holds goes before the job stops counting.
      {
        auto run = std::move(job);
        run();
      }
      --jobs_;
    });
    return true;
  }

  /// Drops the jobs that have not begun and waits for those that have.
  void finish() {
    threads_.stop();
    threads_.join();
  }

 private:
  boost::asio::thread_pool threads_;
  const std::size_t max_jobs_;
  std::atomic<std::size_t> jobs_ = 0;
};

}  // namespace troupe::gateway
