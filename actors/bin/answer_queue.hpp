#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <variant>

#include "runtime/api/generation.hpp"

namespace troupe::cli {

/// Brings an answer from the engine's threads to the one that prints it. What it can hold is
/// bounded by the request's own max_tokens.
class answer_queue : public generation_listener {
 public:
  using item = std::variant<token_event, generation_summary, error>;

  void on_tokens(std::span<const token_event> events) override;
  void on_done(const generation_summary& summary) override;
  void on_error(const error& e) override;

  /// The next item, or nothing when none came within `wait`.
  [[nodiscard]] std::optional<item> next(std::chrono::milliseconds wait);

 private:
  void push(item next_item);

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<item> items_;
};

}  // namespace troupe::cli
