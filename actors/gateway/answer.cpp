#include "actors/gateway/answer.hpp"

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdint>
#include <sstream>

#include "runtime/api/dashscope_format.hpp"
#include "runtime/release/release.hpp"

namespace troupe::gateway {

namespace http = boost::beast::http;

answer refusal(const api_error& error) {
  answer a{error.status, "application/json", error.body(), {}};
  std::uint32_t wait = error.retry_after_seconds;
  if (error.status == 429 || error.status == 503) wait = std::max<std::uint32_t>(wait, 1);
  if (wait > 0) a.headers.emplace_back("Retry-After", std::to_string(wait));
  if (error.status == 401) a.headers.emplace_back("WWW-Authenticate", "Bearer");
  return a;
}

answer refusal_to(const http_request& request, const api_error& error) {
  answer a = refusal(error);
  if (request.target == route::dashscope_generation) a.body = dashscope_error(error, request.id);
  return a;
}

std::string format_head(const answer_head& head, const header_list& more) {
  http::response<http::empty_body> response;
  const auto text = [](std::string_view s) {
    return boost::beast::string_view(s.data(), s.size());
  };
  response.version(head.http_1_0 ? 10 : 11);
  response.result(static_cast<unsigned>(head.status));
  response.set(http::field::server, std::string("troupe/") + release::version);
  if (!head.content_type.empty()) response.set(http::field::content_type, text(head.content_type));
  if (!head.request_id.empty()) response.set("x-request-id", text(head.request_id));
  if (!head.allow_origin.empty()) {
    response.set(http::field::access_control_allow_origin, text(head.allow_origin));
    response.set(
        http::field::access_control_expose_headers,
        "x-request-id, retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
        "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
        "x-ratelimit-reset-tokens");
    if (head.allow_origin != "*") response.set(http::field::vary, "Origin");
  }
  if (head.stream) {
    response.set(http::field::cache_control, "no-cache");
    response.set("X-Accel-Buffering", "no");
  }
  if (head.body == framing::chunked) response.set(http::field::transfer_encoding, "chunked");
  if (head.body == framing::length && head.status != 204)
    response.set(http::field::content_length, std::to_string(head.length));
  // HTTP/1.0 has to be told that the connection stays open, 1.1 that it does not.
  if (head.keep_alive == head.http_1_0)
    response.set(http::field::connection, head.keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : more) response.set(name, value);
  std::ostringstream out;
  out << response.base();
  return out.str();
}

}  // namespace troupe::gateway
