#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/engine/embedded_runtime.hpp"

namespace troupe::test {

/// Collects one request's answer and lets a test wait for it.
class answer_collector final : public generation_listener {
 public:
  void on_prompt_scored(std::span<const token_logprob> logprobs) override;
  void on_tokens(std::span<const token_event> events) override;
  void on_done(const generation_summary& summary) override;
  void on_error(const error& e) override;

  /// False when nothing came to an end in time.
  [[nodiscard]] bool wait(std::chrono::seconds deadline = std::chrono::seconds(120));
  /// Waits until at least `count` tokens came.
  [[nodiscard]] bool wait_tokens(std::size_t count,
                                 std::chrono::seconds deadline = std::chrono::seconds(120));

  /// Everything that must not change with batch, chunks, threads or placement; compared bit for
  /// bit.
  struct content {
    std::map<std::uint32_t, std::vector<token_event>> events;
    std::vector<token_logprob> scores;
    friend bool operator==(const content&, const content&) = default;
  };
  [[nodiscard]] content take() const;
  [[nodiscard]] std::optional<generation_summary> summary() const;
  [[nodiscard]] std::optional<error> failure() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  content content_;
  std::size_t tokens_ = 0;
  std::optional<generation_summary> summary_;
  std::optional<error> error_;
};

/// A small configuration for the tiny checkpoints: 2 threads, 4 MiB of KV.
[[nodiscard]] engine_config tiny_config();
[[nodiscard]] std::unique_ptr<embedded_runtime> start(const std::string& tiny_model,
                                                      const engine_config& config);

/// Submits all at once and waits for all.
[[nodiscard]] std::vector<answer_collector::content> run_all(
    embedded_runtime& engine, const std::vector<generation_request>& requests);

/// `count` different requests: greedy and sampled, with and without penalties, of many lengths,
/// with log-probabilities.
[[nodiscard]] std::vector<generation_request> varied_requests(std::size_t count,
                                                              std::uint32_t vocab);

}  // namespace troupe::test
