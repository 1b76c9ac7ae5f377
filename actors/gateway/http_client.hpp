#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// An answer, whatever its status.
struct http_response {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

/// Where a server is: of "http://host[:port][/prefix]".
struct http_endpoint {
  std::string host;
  std::uint16_t port = 80;
  std::string prefix;  ///< begins with '/' and does not end with one; perhaps empty

  /// Fails with invalid_argument for what is not an http:// URL; https is not spoken here.
  [[nodiscard]] static result<http_endpoint> parse(std::string_view url);
};

/// Blocks until the whole answer is here, at most `timeout`. Fails with unavailable where nobody
/// listens, deadline_exceeded, invalid_argument (a host that has no address), or io_error. Answers
/// longer than 64 MiB are refused with io_error.
[[nodiscard]] result<http_response> http_get(const std::string& host, std::uint16_t port,
                                             const std::string& path,
                                             std::chrono::milliseconds timeout);

/// How a streaming request is followed.
struct sse_options {
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds silence_timeout{120'000};  ///< without a byte from the server
  /// Asked several times a second; true ends the request with cancelled. May be empty.
  std::function<bool()> stopped;
};

/// Posts JSON and hands each server-sent event's data to `on_data` as it comes, "[DONE]" excluded;
/// `on_data` returns false to end the stream early. Blocks until the answer's end. Where the answer
/// is no event stream (an error, say) its body is in the response, and `on_data` is never called.
/// Fails like http_get, and with cancelled.
[[nodiscard]] result<http_response> http_post_sse(
    const http_endpoint& server, const std::string& path, const std::string& json,
    const sse_options& options, const std::function<bool(std::string_view data)>& on_data);

}  // namespace troupe
