#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "cluster/admission/fair_queue.hpp"
#include "runtime/api/api_error.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/api/generation.hpp"

namespace troupe::gateway {

/// The engine's service with a queue before it: as many requests as it runs at once are given to
/// it, and the others wait here, shared out fairly between accounts. One that has waited for too
/// long fails with exhausted. Any thread.
class fair_service final : public generation_service {
 public:
  fair_service(std::shared_ptr<generation_service> engine, const fair_limits& limits);
  fair_service(const fair_service&) = delete;
  fair_service& operator=(const fair_service&) = delete;
  /// What still waits fails with unavailable.
  ~fair_service() override;

  [[nodiscard]] result<request_id> submit(generation_request request,
                                          std::shared_ptr<generation_listener> listener) override;
  void cancel(request_id id) override;
  /// The engine's, with those that wait here.
  [[nodiscard]] engine_stats stats() const override;

  /// Since when the request waits here that has waited longest; nothing where none does.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waiting_since() const;

  /// 429 where such a request would wait for longer than it may; better said before it is taken.
  [[nodiscard]] std::optional<api_error> refuse(std::uint64_t account, std::uint8_t rank,
                                                const generation_cost& cost) const;

 private:
  struct shared;
  const std::shared_ptr<shared> shared_;
  std::jthread timer_;
};

}  // namespace troupe::gateway
