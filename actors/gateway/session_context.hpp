#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "actors/gateway/completion_watch.hpp"
#include "actors/gateway/server_backend.hpp"
#include "actors/gateway/server_config.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/keys/live_key.hpp"

namespace troupe::gateway {

/// 64 random bits, not to be guessed. Any thread.
[[nodiscard]] std::uint64_t draw_random();
/// Seconds since 1970.
[[nodiscard]] std::int64_t unix_time();
/// A name such as "resp_0123...", not to be guessed.
[[nodiscard]] std::string random_name(std::string_view prefix);

/// What sessions of this server have in common, for whoever `key` belongs to.
[[nodiscard]] api_context session_context(const server_backend& backend,
                                          const server_config& config,
                                          const std::shared_ptr<live_key>& key);

/// A session that no connection waits for.
struct unattended_session {
  api_context context;
  std::shared_ptr<completion_watch> watch;
};

/// Makes sessions that no connection waits for. Any thread.
class session_source {
 public:
  session_source(server_backend backend, server_config config,
                 std::shared_ptr<server_metrics> metrics)
      : backend_(std::move(backend)), config_(std::move(config)), metrics_(std::move(metrics)) {}

  /// In the background, at the key's priority: counts against its limits.
  [[nodiscard]] unattended_session background(const std::shared_ptr<live_key>& key) const;
  /// Of a batch: behind everybody else, at the prices of batches, and beside a minute's limits.
  [[nodiscard]] unattended_session batch(const std::shared_ptr<live_key>& key) const;
  [[nodiscard]] const served_model& model() const { return *backend_.model; }
  [[nodiscard]] const http_limits& limits() const { return config_.limits; }

 private:
  const server_backend backend_;
  const server_config config_;
  const std::shared_ptr<server_metrics> metrics_;
};

}  // namespace troupe::gateway
