#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "runtime/api/generation.hpp"

namespace troupe::cli {

/// Notes when each token of one request came.
class bench_probe : public generation_listener {
 public:
  using clock = std::chrono::steady_clock;

  void on_tokens(std::span<const token_event> events) override;
  void on_done(const generation_summary& summary) override;
  void on_error(const error& e) override;

  /// Waits for the first token.
  [[nodiscard]] result<void> wait_first(clock::time_point deadline);
  /// The tokens' times once the request is done.
  [[nodiscard]] result<std::vector<clock::time_point>> wait(clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<clock::time_point> times_;
  std::optional<error> error_;
  bool done_ = false;
};

}  // namespace troupe::cli
