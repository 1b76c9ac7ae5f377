#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/gateway/http_request.hpp"
#include "runtime/api/api_error.hpp"

namespace troupe::gateway {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// One whole HTTP answer.
struct answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  header_list headers;  ///< besides those every answer has
};

/// The answer that says `error`; 429 and 503 always carry Retry-After.
[[nodiscard]] answer refusal(const api_error& error);

/// The same in the words of the endpoint that was asked: DashScope has errors of its own.
[[nodiscard]] answer refusal_to(const http_request& request, const api_error& error);

/// How the end of an answer's body is told.
enum class framing { length, chunked, until_close };

/// The lines before a body.
struct answer_head {
  int status = 200;
  std::string_view content_type;
  std::string_view request_id;
  std::string_view allow_origin;  ///< empty sends no CORS headers
  framing body = framing::length;
  std::size_t length = 0;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool stream = false;  ///< server-sent events: not to be cached or held back
};

/// The header as it goes over the wire, its empty line included.
[[nodiscard]] std::string format_head(const answer_head& head, const header_list& more = {});

}  // namespace troupe::gateway
