#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe::cli {

/// A server as a person names it: "http://127.0.0.1:8080", or with https, a path behind it ignored.
struct server_address {
  std::string host;
  std::string port;
  std::string key = {};  ///< sent as a bearer token; empty: none
  /// Over TLS, to whoever proves to be `host` by an authority that OpenSSL knows: the system's, or
  /// those of the file that the environment's SSL_CERT_FILE names.
  bool secure = false;
  /// Over TLS: shown to the server, and whom to believe instead. Read at each call, so that new
  /// files count at once. Not used: neither.
  tls_files identity = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< sent besides
};

/// Fails with invalid_argument where it is not an http:// or https:// address.
[[nodiscard]] result<server_address> parse_address(std::string_view url);

struct http_reply {
  unsigned status = 0;
  std::string body;
};

/// GET `path`, all within `limit`, at most 16 MiB of answer. Fails with unavailable where nobody
/// listens, deadline_exceeded, or io_error.
[[nodiscard]] result<http_reply> http_get(const server_address& server, std::string_view path,
                                          std::chrono::milliseconds limit);

/// POST of JSON to `path`; else like http_get.
[[nodiscard]] result<http_reply> http_post(const server_address& server, std::string_view path,
                                           std::string json, std::chrono::milliseconds limit);

}  // namespace troupe::cli
