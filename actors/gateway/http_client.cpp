#include "actors/gateway/http_client.hpp"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "actors/gateway/sse_parser.hpp"

namespace troupe {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr std::size_t answer_limit = 64U << 20U;
constexpr std::chrono::milliseconds stop_interval{50};

/// One request on a connection of its own, driven by the calling thread.
class exchange {
 public:
  explicit exchange(std::function<bool()> stopped) : stream_(io_), stopped_(std::move(stopped)) {}

  result<void> connect(const std::string& host, std::uint16_t port,
                       std::chrono::milliseconds timeout) {
    peer_ = fmt::format("{}:{}", host, port);
    boost::system::error_code failed;
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, std::to_string(port), failed);
    if (failed) return fail(errc::invalid_argument, "host {}: {}", host, failed.message());
    return run(timeout, "connecting", [&](auto done) {
      stream_.async_connect(found, [done](const auto& ec, const auto&) { done(ec, 0); });
    });
  }

  result<void> send(http::request<http::string_body>& request, const std::string& host,
                    std::chrono::milliseconds timeout) {
    request.set(http::field::host, host);
    request.set(http::field::user_agent, "troupe");
    request.prepare_payload();
    return run(timeout, "sending",
               [&](auto done) { http::async_write(stream_, request, std::move(done)); });
  }

  template <class Parser>
  result<void> read_header(Parser& parser, std::chrono::milliseconds timeout) {
    return run(timeout, "waiting for an answer", [&](auto done) {
      http::async_read_header(stream_, buffer_, parser, std::move(done));
    });
  }

  template <class Parser>
  result<void> read(Parser& parser, std::chrono::milliseconds timeout) {
    return run(timeout, "reading the answer",
               [&](auto done) { http::async_read(stream_, buffer_, parser, std::move(done)); });
  }

  /// Whatever has come, so that events are not held back until a buffer is full.
  template <class Parser>
  result<void> read_some(Parser& parser, std::chrono::milliseconds timeout) {
    return run(timeout, "reading the answer", [&](auto done) {
      http::async_read_some(stream_, buffer_, parser, std::move(done));
    });
  }

 private:
  /// Starts one operation and waits for it, looking up now and then whether to stop. A full
  /// buffer_body is no failure.
  template <class Start>
  result<void> run(std::chrono::milliseconds timeout, const char* what, Start start) {
    if (timeout <= std::chrono::milliseconds(0))
      return fail(errc::deadline_exceeded, "{}: {} took too long", peer_, what);
    std::optional<boost::system::error_code> outcome;
    stream_.expires_after(timeout);
    start([&outcome](const boost::system::error_code& ec, std::size_t) { outcome = ec; });
    bool stopping = false;
    while (!outcome) {
      io_.restart();
      io_.run_one_for(stop_interval);
      if (!stopping && stopped_ && stopped_()) {
        stopping = true;
        stream_.cancel();
      }
    }
    if (stopping) return fail(errc::cancelled, "{}: stopped while {}", peer_, what);
    if (!*outcome || *outcome == http::error::need_buffer) return {};
    if (*outcome == beast::error::timeout)
      return fail(errc::deadline_exceeded, "{}: {} took longer than {} ms", peer_, what,
                  timeout.count());
    if (*outcome == asio::error::connection_refused)
      return fail(errc::unavailable, "nothing answers at {}; is the server running?", peer_);
    if (*outcome == http::error::end_of_stream || *outcome == http::error::partial_message)
      return fail(errc::unavailable, "{}: the server closed the connection while {}", peer_, what);
    return fail(errc::io_error, "{}: {} failed: {}", peer_, what, outcome->message());
  }

  asio::io_context io_{1};
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::function<bool()> stopped_;
  std::string peer_;
};

std::string host_header(const std::string& host, std::uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

template <class Message>
std::string content_type(const Message& message) {
  return std::string(message[http::field::content_type]);
}

}  // namespace

result<http_endpoint> http_endpoint::parse(std::string_view url) {
  const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
  if (!parsed || parsed->scheme_id() != boost::urls::scheme::http || parsed->host().empty())
    return fail(errc::invalid_argument, "\"{}\" is not an http:// URL", url);
  http_endpoint made;
  made.host = parsed->host_type() == boost::urls::host_type::ipv6
                  ? std::string(parsed->host_ipv6_address().to_string())
                  : parsed->host();
  if (parsed->has_port()) {
    // Not port_number(), which takes 99999 for 34463.
    const std::string_view digits(parsed->port().data(), parsed->port().size());
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), made.port);
    if (failed != std::errc() || end != digits.data() + digits.size() || made.port == 0)
      return fail(errc::invalid_argument, "\"{}\" has no valid port", url);
  }
  made.prefix = std::string(parsed->encoded_path());
  while (made.prefix.ends_with('/')) made.prefix.pop_back();
  return made;
}

result<http_response> http_get(const std::string& host, std::uint16_t port, const std::string& path,
                               std::chrono::milliseconds timeout) {
  const auto due = std::chrono::steady_clock::now() + timeout;
  const auto left = [due] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(due -
                                                                 std::chrono::steady_clock::now());
  };
  exchange one({});
  http::request<http::string_body> request(http::verb::get, path, 11);
  request.set(http::field::connection, "close");
  if (auto ok = one.connect(host, port, left()); !ok) return fail(std::move(ok.error()));
  if (auto ok = one.send(request, host_header(host, port), left()); !ok)
    return fail(std::move(ok.error()));
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_limit);
  if (auto ok = one.read(parser, left()); !ok) return fail(std::move(ok.error()));
  auto& answer = parser.get();
  return http_response{answer.result_int(), content_type(answer), std::move(answer.body())};
}

result<http_response> http_post_sse(const http_endpoint& server, const std::string& path,
                                    const std::string& json, const sse_options& options,
                                    const std::function<bool(std::string_view)>& on_data) {
  exchange one(options.stopped);
  http::request<http::string_body> request(http::verb::post, server.prefix + path, 11);
  request.set(http::field::content_type, "application/json");
  request.set(http::field::accept, "text/event-stream");
  request.set(http::field::connection, "close");
  request.body() = json;
  if (auto ok = one.connect(server.host, server.port, options.connect_timeout); !ok)
    return fail(std::move(ok.error()));
  if (auto ok = one.send(request, host_header(server.host, server.port), options.silence_timeout);
      !ok)
    return fail(std::move(ok.error()));

  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  if (auto ok = one.read_header(parser, options.silence_timeout); !ok)
    return fail(std::move(ok.error()));
  http_response answer{parser.get().result_int(), content_type(parser.get()), {}};
  const bool events = answer.content_type.starts_with("text/event-stream");
  gateway::sse_parser sse;
  std::string chunk(16U << 10U, '\0');
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    if (auto ok = one.read_some(parser, options.silence_timeout); !ok)
      return fail(std::move(ok.error()));
    const std::string_view bytes(chunk.data(), chunk.size() - parser.get().body().size);
    if (!events) {
      answer.body += bytes;
      if (answer.body.size() > answer_limit)
        return fail(errc::io_error, "the answer is longer than {} bytes", answer_limit);
    } else if (!sse.feed(bytes, [&](std::string_view data) {
                 return data == "[DONE]" || on_data(data);
               })) {
      break;
    }
  }
  return answer;
}

}  // namespace troupe
