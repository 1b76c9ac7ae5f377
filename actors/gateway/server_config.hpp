#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/admission/fair_queue.hpp"

namespace troupe {

/// Bounds on what one client, and all of them together, can make the server hold or wait for.
struct http_limits {
  std::size_t max_connections = 2048;  ///< more are answered 503 and closed
  std::size_t line_bytes = 8U << 10U;  ///< request target, or one header field
  std::size_t header_bytes = 64U << 10U;
  std::size_t body_bytes = 32U << 20U;     ///< one request's body; more is answered 413
  std::size_t upload_bytes = 200U << 20U;  ///< the same of an upload to /v1/files
  std::size_t bodies_bytes = 512U << 20U;  ///< all bodies held at once; more is answered 503
  std::size_t output_bytes = 1U << 20U;    ///< of a stream that its client does not read
  std::size_t lookahead_bytes =
      64U << 10U;  ///< read ahead of what is being answered; at least header_bytes
  std::size_t max_pool_jobs = 1024;                     ///< requests being parsed or waiting for it
  std::chrono::milliseconds idle_timeout{75'000};       ///< between requests
  std::chrono::milliseconds handshake_timeout{10'000};  ///< of TLS, from the connection on
  std::chrono::milliseconds header_timeout{10'000};     ///< from a request's first byte
  std::chrono::milliseconds body_timeout{120'000};      ///< from the end of the header
  std::chrono::milliseconds write_timeout{30'000};      ///< without a byte accepted by the client
  std::chrono::milliseconds comment_interval{
      15'000};                                      ///< silence in a stream before a comment line
  std::chrono::milliseconds linger_timeout{2'000};  ///< for a client to read a last answer
};

/// What is kept for clients that come back: responses, files and batches.
struct store_config {
  std::string file;                            ///< empty: nothing is kept
  std::uint64_t lifetime_seconds = 2'592'000;  ///< of responses and files
  std::uint64_t responses = 10'000;            ///< of one key; the oldest go
  std::uint64_t file_bytes = 2ULL << 30U;      ///< of all files of one key
  std::uint64_t open_batches = 32;             ///< of one key
  std::uint32_t background = 256;              ///< responses under way without a connection
  std::uint32_t batch_running = 4;             ///< requests of batches under way
};

/// Where to listen, and how.
struct server_config {
  std::string host = "127.0.0.1";  ///< an IPv4 or IPv6 address, or "localhost"
  std::uint16_t port = 8080;       ///< 0 takes a free one
  std::uint32_t pool_threads = 2;  ///< threads that parse requests, render templates, tokenize
  std::string keys;                ///< a file of keys; empty: clients need none
  bool let_anyone_in = false;      ///< listen beyond this machine without keys
  std::chrono::milliseconds stop_timeout{10'000};  ///< for answers under way when it is told to end
  /// Before that: /health says 503, so that balancers look elsewhere, and all is served as before.
  std::chrono::milliseconds stop_notice{0};
  bool listens_at_once = true;  ///< false: connections are refused until http_server::listen()
  std::vector<std::string> certificates;  ///< in use, whose end /metrics shows
  std::string certificate;  ///< a PEM file, with its key: HTTP over TLS; both empty: without
  std::string certificate_key;
  bool shared_cache = false;  ///< prompts of one key are found in the cache by others
  std::string allow_origin;   ///< Access-Control-Allow-Origin; empty sends no CORS headers
  http_limits limits;
  fair_limits queue;  ///< running 0: as many as the engine says
  store_config store;
};

}  // namespace troupe
