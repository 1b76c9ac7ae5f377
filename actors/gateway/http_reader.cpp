#include "actors/gateway/http_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

#include "actors/gateway/request_id.hpp"

namespace troupe::gateway {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

bool same_word(beast::string_view a, std::string_view b) {
  return beast::iequals(a, beast::string_view(b.data(), b.size()));
}

constexpr std::string_view bearer = "bearer ";

/// OpenAI's and DashScope's clients send a bearer token, others x-api-key.
std::string presented_key(const http::request<http::string_body>& message) {
  std::string_view field = view(message[http::field::authorization]);
  if (field.size() > bearer.size() &&
      beast::iequals(beast::string_view(field.data(), bearer.size()),
                     beast::string_view(bearer.data(), bearer.size()))) {
    field.remove_prefix(bearer.size());
  } else {
    field = view(message["x-api-key"]);
  }
  while (field.starts_with(' ')) field.remove_prefix(1);
  return std::string(field);
}

}  // namespace

struct http_reader::parser : http::request_parser<http::string_body> {
  explicit parser(const http_limits& limits) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    // Of the largest; which it is is known with the path.
    body_limit(std::max(limits.body_bytes, limits.upload_bytes));
  }
};

http_reader::http_reader(const http_limits& limits) : limits_(limits) { restart(); }
http_reader::~http_reader() = default;

void http_reader::restart() {
  parser_ = std::make_unique<parser>(limits_);
  state_ = state::idle;
  header_bytes_ = 0;
  wants_continue_ = false;
  request_ = {};
}

std::size_t http_reader::body_limit() const {
  return request_.target == route::files ? limits_.upload_bytes : limits_.body_bytes;
}

void http_reader::refuse(unsigned status, std::string_view message) {
  state_ = state::refused;
  refusal_ = {status, std::string(message)};
}

std::size_t http_reader::body_bytes() const { return parser_->get().body().size(); }

bool http_reader::take_continue() { return std::exchange(wants_continue_, false); }

std::size_t http_reader::feed(std::string_view bytes) {
  if (state_ == state::complete || state_ == state::refused || bytes.empty()) return 0;
  std::size_t skipped = 0;
  if (state_ == state::idle) {
    // Some clients end a body with a line break that they did not count.
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
    if (skipped > 0) return skipped;
    state_ = state::header;
  }
  beast::error_code failed;
  const bool had_header = parser_->is_header_done();
  // Beast limits the header that it has not taken yet; the sum is bounded here.
  std::size_t taken = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), failed);
  if (!had_header && !parser_->is_header_done()) {
    header_bytes_ += taken;
    if (header_bytes_ + (bytes.size() - taken) > limits_.header_bytes)
      failed = http::error::header_limit;
  }
  if (!had_header && parser_->is_header_done()) {
    check_header();
    if (state_ == state::refused) return taken;
    // With the path the limit is known; what came of the body already is under it, too.
    if (parser_->content_length().value_or(0) > body_limit()) failed = http::error::body_limit;
    parser_->body_limit(body_limit());
    parser_->eager(true);
    if (!failed && !parser_->is_done() && taken < bytes.size())
      taken += parser_->put(boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken),
                            failed);
  }
  if (failed == http::error::need_more) failed = {};
  if (failed == http::error::header_limit) {
    refuse(431, fmt::format("the header is longer than {} bytes", limits_.header_bytes));
  } else if (failed == http::error::body_limit) {
    refuse(413, fmt::format("the body is longer than {} bytes", body_limit()));
  } else if (failed) {
    refuse(400, fmt::format("not an HTTP/1.1 request: {}", failed.message()));
  } else if (parser_->is_done()) {
    state_ = state::complete;
  }
  return taken;
}

void http_reader::check_header() {
  const auto& message = parser_->get();
  state_ = state::body;
  request_.method = view(message.method_string());
  request_.path = view(message.target());
  request_.uri = request_.path;
  request_.content_type = view(message[http::field::content_type]);
  request_.http_1_0 = message.version() == 10;
  request_.keep_alive = message.keep_alive();
  request_.id = request_name(view(message["x-request-id"]));
  request_.trace = parse_traceparent(view(message["traceparent"]));
  request_.key = presented_key(message);
  request_.dashscope_events = same_word(message["x-dashscope-sse"], "enable");
  if (message.target().size() > limits_.line_bytes)
    return refuse(414,
                  fmt::format("the request target is longer than {} bytes", limits_.line_bytes));
  for (const auto& field : message)
    if (field.name_string().size() + field.value().size() > limits_.line_bytes)
      return refuse(431, fmt::format("a header field is longer than {} bytes", limits_.line_bytes));
  if (!decode_path(view(message.target()), request_.path))
    return refuse(400, "the request target is not a path");
  const auto hosts = message.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && !request_.http_1_0))
    return refuse(400, "the request needs exactly one Host header");
  if (message.count(http::field::transfer_encoding) > 0 &&
      !same_word(message[http::field::transfer_encoding], "chunked"))
    return refuse(501, "the only Transfer-Encoding known here is \"chunked\"");
  const auto expects = message[http::field::expect];
  if (!expects.empty() && !same_word(expects, "100-continue"))
    return refuse(417, "the only Expect known here is \"100-continue\"");
  const routed found = find_route(request_.method, request_.path);
  request_.target = found.target;
  request_.starting_after = query_parameter(view(message.target()), "starting_after");
  if (const auto last = message["last-event-id"]; !request_.starting_after && !last.empty())
    request_.starting_after = view(last);
  // A body that nobody will read is not asked for.
  if (!expects.empty() && !parser_->is_done() && !request_.http_1_0) {
    if (!found.method_fits) {
      return found.allow.empty() ? refuse(404, "no such path")
                                 : refuse(405, "the path does not answer to this method");
    }
    wants_continue_ = true;
  }
}

http_request http_reader::take() {
  request_.body = std::move(parser_->get().body());
  http_request taken = std::move(request_);
  restart();
  return taken;
}

}  // namespace troupe::gateway
