#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "actors/gateway/server_backend.hpp"
#include "actors/gateway/server_config.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// The OpenAI API over HTTP/1.1: one io thread moves bytes, a few others parse and tokenize, and
/// the service's own threads bring the tokens.
///
/// It may run before there is a model: /health then answers 503 "loading", completions 503 with
/// Retry-After. Methods may be called from any one thread at a time.
class http_server {
 public:
  /// Listens and returns; where the settings say not to, it only takes the port. Fails with
  /// address_in_use, invalid_argument (host, files) or io_error.
  [[nodiscard]] static result<std::unique_ptr<http_server>> start(
      const server_config& config, std::shared_ptr<spdlog::logger> log,
      server_backend backend = {});

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  /// Stops without grace.
  ~http_server();

  /// From now on requests are answered from this model. The service must outlive the server.
  void set_model(server_backend backend);

  /// The port listened on, also where 0 was asked for.
  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:8080", or with https where there is a certificate.
  [[nodiscard]] std::string url() const;

  /// Begins to listen, where it does not yet. Fails as start() does.
  [[nodiscard]] result<void> listen();

  /// From now on /health says that the server is about to stop, and each answer is the last one of
  /// its connection.
  void give_notice();

  /// Accepts no more, lets answers under way end within `grace`, then ends them with an error
  /// event, and returns within about two seconds after that. A second call does nothing.
  void stop(std::chrono::milliseconds grace);

 private:
  struct running;
  explicit http_server(std::unique_ptr<running> r);
  std::unique_ptr<running> running_;
};

}  // namespace troupe
