#include "actors/bin/http_call.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <optional>
#include <utility>

namespace troupe::cli {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

using request_type = http::request<http::string_body>;

constexpr std::uint64_t most_body_bytes = 16U << 20U;

/// One exchange, step by step, on the caller's own io_context.
class exchange {
 public:
  exchange(asio::io_context& io, const server_address& server, request_type request,
           std::chrono::milliseconds limit)
      : resolver_(io), stream_(io), server_(server), request_(std::move(request)) {
    stream_.expires_after(limit);
    parser_.body_limit(most_body_bytes);
    request_.set(http::field::host, server.host);
    if (!server.key.empty()) request_.set(http::field::authorization, "Bearer " + server.key);
    request_.set(http::field::connection, "close");
    request_.prepare_payload();
  }

  void start() {
    resolver_.async_resolve(server_.host, server_.port, [this](error_code e, auto found) {
      if (failed(e)) return;
      stream_.async_connect(found, [this](error_code c, const auto&) { connected(c); });
    });
  }

  /// Empty while the exchange is under way.
  [[nodiscard]] const std::optional<error_code>& outcome() const { return outcome_; }
  [[nodiscard]] http_reply reply() { return {parser_.get().result_int(), parser_.get().body()}; }

 private:
  bool failed(error_code e) {
    if (e) outcome_ = e;
    return static_cast<bool>(e);
  }

  void connected(error_code e) {
    if (failed(e)) return;
    http::async_write(stream_, request_, [this](error_code w, std::size_t) {
      if (failed(w)) return;
      http::async_read(stream_, buffer_, parser_,
                       [this](error_code r, std::size_t) { outcome_ = r; });
    });
  }

  asio::ip::tcp::resolver resolver_;
  beast::tcp_stream stream_;
  const server_address& server_;
  request_type request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  std::optional<error_code> outcome_;
};

result<http_reply> call(const server_address& server, request_type request,
                        std::chrono::milliseconds limit) {
  asio::io_context io(1);
  exchange one(io, server, std::move(request), limit);
  one.start();
  io.run_for(limit + std::chrono::milliseconds(100));
  const std::string where = fmt::format("{}:{}", server.host, server.port);
  if (!one.outcome() || *one.outcome() == beast::error::timeout)
    return fail(errc::deadline_exceeded, "{}: no answer within {} s", where,
                static_cast<double>(limit.count()) / 1000);
  if (*one.outcome() == asio::error::connection_refused)
    return fail(errc::unavailable, "{}: nobody listens there; start one with `troupe serve`",
                where);
  if (*one.outcome()) return fail(errc::io_error, "{}: {}", where, one.outcome()->message());
  return one.reply();
}

}  // namespace

result<server_address> parse_address(std::string_view url) {
  const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
  if (!parsed || parsed->scheme() != "http" || parsed->host().empty())
    return fail(errc::invalid_argument, "'{}' is not an address such as http://127.0.0.1:8080",
                url.substr(0, 200));
  return server_address{parsed->host_address(),
                        parsed->has_port() ? std::string(parsed->port()) : "80"};
}

result<http_reply> http_get(const server_address& server, std::string_view path,
                            std::chrono::milliseconds limit) {
  return call(server, {http::verb::get, {path.data(), path.size()}, 11}, limit);
}

result<http_reply> http_post(const server_address& server, std::string_view path, std::string json,
                             std::chrono::milliseconds limit) {
  request_type request(http::verb::post, {path.data(), path.size()}, 11, std::move(json));
  request.set(http::field::content_type, "application/json");
  return call(server, std::move(request), limit);
}

}  // namespace troupe::cli
