#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "actors/gateway/answer_relay.hpp"
#include "actors/gateway/connection.hpp"
#include "actors/gateway/fair_service.hpp"
#include "actors/gateway/key_account.hpp"
#include "actors/gateway/server_metrics.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/keys/key_names.hpp"

namespace troupe::gateway {

/// On whose behalf a completion is drawn. Not the service's owner: the service's own threads may be
/// the last to let go of a watch.
struct completion_caller {
  std::shared_ptr<live_key> key;      ///< null: whoever asks
  std::weak_ptr<fair_service> queue;  ///< empty: none
  [[nodiscard]] std::uint64_t account() const {
    return key ? static_cast<std::uint64_t>(key->id()) : 0;
  }
  [[nodiscard]] std::uint8_t rank() const {
    return rank_of(key ? key->priority() : key_priority::normal);
  }
};

/// Keeps the times and counts of one completion for metrics and its log line, and cancels it when
/// its client leaves. The observer's calls come from generation threads, the watch's from the io
/// thread.
/// Without a relay nobody waits for it on a connection.
class completion_watch : public session_observer, public answer_watch {
 public:
  completion_watch(std::shared_ptr<server_metrics> metrics, std::shared_ptr<answer_relay> relay,
                   completion_caller caller);
  /// Whoever holds it has seen the completion's end: settles with the key.
  ~completion_watch() override;

  /// Sets aside what the completion may use. Once, before it begins; a refusal ends it.
  [[nodiscard]] std::optional<api_error> admit(const generation_cost& cost);

  void on_tokens(std::size_t count) override;
  void on_choice(finish_reason reason) override;
  void on_summary(const generation_summary& summary) override;
  void on_cost(const request_cost& cost) override;

  void on_hang_up() override;
  [[nodiscard]] std::string on_finished(int status) override;
  [[nodiscard]] std::optional<answer_report> report() override;

 private:
  using clock = std::chrono::steady_clock;

  const std::shared_ptr<server_metrics> metrics_;
  const std::shared_ptr<answer_relay> relay_;
  const completion_caller caller_;
  key_account account_;
  const clock::time_point begun_ = clock::now();
  clock::time_point last_token_;  ///< generation threads only
  std::atomic<std::size_t> drawn_ = 0;
  std::atomic<std::uint32_t> prompt_ = 0;
  std::mutex report_mutex_;
  answer_report report_;
  amount cost_;  ///< under the mutex too
};

}  // namespace troupe::gateway
