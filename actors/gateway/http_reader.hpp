#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "actors/gateway/http_request.hpp"
#include "actors/gateway/server_config.hpp"

namespace troupe::gateway {

/// Turns a connection's bytes into requests, one at a time. Knows no sockets and no clocks.
///
/// Accepts HTTP/1.0 and 1.1 with Content-Length or chunked bodies. Whatever could be read in two
/// ways (two lengths, a length and chunks, bare line feeds, no Host) is refused.
class http_reader {
 public:
  enum class state { idle, header, body, complete, refused };

  explicit http_reader(const http_limits& limits);
  http_reader(const http_reader&) = delete;
  http_reader& operator=(const http_reader&) = delete;
  ~http_reader();

  /// Takes bytes from the front; returns how many. Zero means that more are needed (the caller
  /// keeps what is left and offers it again, with more behind it), or complete or refused.
  [[nodiscard]] std::size_t feed(std::string_view bytes);

  [[nodiscard]] state now() const { return state_; }
  /// Bytes of the body so far, for the bound on all of them.
  [[nodiscard]] std::size_t body_bytes() const;
  /// True once for a request whose client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool take_continue();
  /// The request; only in state complete. The next one starts from idle.
  [[nodiscard]] http_request take();
  [[nodiscard]] const http_refusal& refusal() const { return refusal_; }
  /// The request as far as it is known: for the log line of one that was refused.
  [[nodiscard]] const http_request& known() const { return request_; }

 private:
  struct parser;
  void restart();
  void refuse(unsigned status, std::string_view message);
  void check_header();
  /// Of the request that is being read.
  [[nodiscard]] std::size_t body_limit() const;

  const http_limits& limits_;
  std::unique_ptr<parser> parser_;
  state state_ = state::idle;
  std::size_t header_bytes_ = 0;
  bool wants_continue_ = false;
  http_request request_;
  http_refusal refusal_;
};

}  // namespace troupe::gateway
