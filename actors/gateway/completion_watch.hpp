#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/gateway/answer_relay.hpp"
#include "actors/gateway/connection.hpp"
#include "actors/gateway/key_account.hpp"
#include "actors/gateway/server_metrics.hpp"
#include "runtime/api/completion_session.hpp"

namespace troupe::gateway {

/// Keeps the times and counts of one completion for metrics and its log line, and cancels it when
/// its client leaves. The observer's calls come from generation threads, the watch's from the io
/// thread.
class completion_watch : public session_observer, public answer_watch {
 public:
  completion_watch(std::shared_ptr<server_metrics> metrics, std::shared_ptr<answer_relay> relay,
                   std::shared_ptr<live_key> key);
  /// Whoever holds it has seen the completion's end: settles with the key.
  ~completion_watch() override;

  /// Sets aside what the completion may use. Once, before it begins; a refusal ends it.
  [[nodiscard]] std::optional<api_error> admit(const generation_cost& cost);

  void on_tokens(std::size_t count) override;
  void on_choice(finish_reason reason) override;
  void on_summary(const generation_summary& summary) override;

  void on_hang_up() override;
  [[nodiscard]] std::string on_finished(int status) override;

 private:
  using clock = std::chrono::steady_clock;

  const std::shared_ptr<server_metrics> metrics_;
  const std::shared_ptr<answer_relay> relay_;
  const std::string caller_;
  key_account account_;
  const clock::time_point begun_ = clock::now();
  clock::time_point last_token_;  ///< generation threads only
  std::atomic<std::size_t> drawn_ = 0;
  std::atomic<std::uint32_t> prompt_ = 0;
};

}  // namespace troupe::gateway
