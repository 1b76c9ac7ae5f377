#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/api/generation.hpp"

namespace troupe::test {

/// A generation service that answers each prompt with the prompt itself, over and over, from a
/// thread of its own: one token of every request in turn.
class scripted_service : public generation_service {
 public:
  /// Every request waits before its token number `hold_at` until it is cancelled or released.
  explicit scripted_service(std::uint32_t hold_at = UINT32_MAX);
  scripted_service(const scripted_service&) = delete;
  scripted_service& operator=(const scripted_service&) = delete;
  ~scripted_service() override;

  result<request_id> submit(generation_request request,
                            std::shared_ptr<generation_listener> listener) override;
  void cancel(request_id id) override;
  [[nodiscard]] engine_stats stats() const override;

  /// What the next submissions are refused with.
  void refuse_with(std::optional<error> refusal);
  void release();

  /// False when it has not come to that within ten seconds.
  [[nodiscard]] bool wait_cancelled(std::size_t count);
  [[nodiscard]] bool wait_submitted(std::size_t count);
  [[nodiscard]] bool wait_idle();

 private:
  struct job {
    generation_request request;
    std::shared_ptr<generation_listener> listener;
    std::uint32_t next = 0;
  };

  void run();
  [[nodiscard]] bool step(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<request_id, job> jobs_;
  request_id last_ = 0;
  std::size_t cancelled_ = 0;
  std::uint32_t hold_at_;
  std::optional<error> refusal_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace troupe::test
