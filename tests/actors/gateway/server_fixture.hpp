#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/gateway/http_server.hpp"
#include "tests/actors/gateway/scripted_service.hpp"

namespace troupe::test {

/// tiny-llama as the server sees it, opened once.
[[nodiscard]] std::shared_ptr<const served_model> tiny_model();

/// A configuration for tests: any free port, short times.
[[nodiscard]] server_config quick_config();

/// A logger that keeps its lines.
class log_lines {
 public:
  log_lines();
  [[nodiscard]] const std::shared_ptr<spdlog::logger>& logger() const { return logger_; }
  /// False when no line with `text` comes within ten seconds.
  [[nodiscard]] bool wait_for(const std::string& text) const;

 private:
  struct sink;
  std::shared_ptr<sink> sink_;
  std::shared_ptr<spdlog::logger> logger_;
};

/// A running server with a scripted service behind it.
struct server_fixture {
  explicit server_fixture(const server_config& config = quick_config(),
                          std::uint32_t hold_at = UINT32_MAX);
  std::shared_ptr<scripted_service> service;
  log_lines log;
  std::unique_ptr<http_server> server;
  [[nodiscard]] std::uint16_t port() const { return server->port(); }
};

/// A body for /v1/completions.
[[nodiscard]] std::string completion_body(const std::string& prompt, std::uint32_t max_tokens,
                                          bool stream);
/// The text that the chunks of a stream add up to, and whether it ended with [DONE].
struct streamed {
  std::string text;
  bool done = false;
};
[[nodiscard]] streamed collect(const std::vector<std::string>& events);

}  // namespace troupe::test
