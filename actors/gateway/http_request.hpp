#pragma once

#include <optional>
#include <string>

#include "actors/gateway/router.hpp"
#include "runtime/tracing/trace_context.hpp"

namespace troupe::gateway {

/// One complete request, as a connection hands it on.
struct http_request {
  std::string method;
  std::string path;  ///< percent-decoded, without the query; the target itself where it is no path
  std::string uri;   ///< the target as it came, with its query
  std::string content_type;
  std::string body;
  std::string id;   ///< the client's x-request-id, or one made here
  std::string key;  ///< as the client presents it: a bearer token, or x-api-key
  route target = route::unknown;
  bool dashscope_events = false;  ///< X-DashScope-SSE: enable
  /// From behind which event a stream is asked for: `starting_after` of the query, else
  /// Last-Event-ID. None: neither is there.
  std::optional<std::string> starting_after;
  std::optional<trace_context> trace;  ///< the client's, of which this request is part
  bool keep_alive = false;
  bool http_1_0 = false;  ///< an answer of unknown length then ends with the connection

  [[nodiscard]] bool head() const { return method == "HEAD"; }
};

/// Why a request could not be read to its end; the connection is closed after the answer.
struct http_refusal {
  unsigned status = 400;
  std::string message;
};

}  // namespace troupe::gateway
