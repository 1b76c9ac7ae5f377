#include "actors/bin/http_call.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/url/parse.hpp>
#include <optional>
#include <type_traits>
#include <utility>

namespace troupe::cli {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using boost::system::error_code;

namespace {

using request_type = http::request<http::string_body>;

using plain_stream = beast::tcp_stream;
using secure_stream = beast::ssl_stream<beast::tcp_stream>;

constexpr std::uint64_t most_body_bytes = 16U << 20U;

/// One exchange, step by step, on the caller's own io_context.
template <class Stream>
class exchange {
 public:
  /// `how`: what the stream is made of.
  template <class... How>
  exchange(const server_address& server, request_type request, std::chrono::milliseconds limit,
           asio::io_context& io, How&... how)
      : resolver_(io), stream_(io, how...), server_(server), request_(std::move(request)) {
    beast::get_lowest_layer(stream_).expires_after(limit);
    for (const auto& [name, value] : server.headers) request_.set(name, value);
    parser_.body_limit(most_body_bytes);
    request_.set(http::field::host, server.host);
    if (!server.key.empty()) request_.set(http::field::authorization, "Bearer " + server.key);
    request_.set(http::field::connection, "close");
    request_.prepare_payload();
  }

  void start() {
    resolver_.async_resolve(server_.host, server_.port, [this](error_code e, auto found) {
      if (failed(e)) return;
      beast::get_lowest_layer(stream_).async_connect(
          found, [this](error_code c, const auto&) { connected(c); });
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
    if constexpr (std::is_same_v<Stream, secure_stream>) {
      stream_.set_verify_mode(ssl::verify_peer);
      stream_.set_verify_callback(ssl::host_name_verification(server_.host));
      // A name, for servers that have many; addresses are none.
      std::string name = server_.host;
      error_code no_address;
      (void)asio::ip::make_address(name, no_address);
      if (no_address && SSL_set_tlsext_host_name(stream_.native_handle(), name.data()) != 1)
        return (void)failed(asio::error::invalid_argument);
      stream_.async_handshake(ssl::stream_base::client, [this](error_code h) { exchange_now(h); });
    } else {
      exchange_now(e);
    }
  }

  void exchange_now(error_code e) {
    if (failed(e)) return;
    http::async_write(stream_, request_, [this](error_code w, std::size_t) {
      if (failed(w)) return;
      http::async_read(stream_, buffer_, parser_,
                       [this](error_code r, std::size_t) { outcome_ = r; });
    });
  }

  asio::ip::tcp::resolver resolver_;
  Stream stream_;
  const server_address& server_;
  request_type request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  std::optional<error_code> outcome_;
};

/// `how`: what the stream is made of.
template <class Stream, class... How>
result<http_reply> call_over(const server_address& server, request_type request,
                             std::chrono::milliseconds limit, How&... how) {
  asio::io_context io(1);
  exchange<Stream> one(server, std::move(request), limit, io, how...);
  one.start();
  io.run_for(limit + std::chrono::milliseconds(100));
  const std::string where = fmt::format("{}:{}", server.host, server.port);
  if (!one.outcome() || *one.outcome() == beast::error::timeout)
    return fail(errc::deadline_exceeded, "{}: no answer within {} s", where,
                static_cast<double>(limit.count()) / 1000);
  if (*one.outcome() == asio::error::connection_refused)
    return fail(errc::unavailable, "{}: nobody listens there; start one with `troupe serve`",
                where);
  if (one.outcome()->category() == asio::error::get_ssl_category())
    return fail(errc::io_error, "{}: TLS: {}{}", where, one.outcome()->message(),
                server.identity.used() ? "" : "; SSL_CERT_FILE names the authority to believe");
  if (*one.outcome()) return fail(errc::io_error, "{}: {}", where, one.outcome()->message());
  return one.reply();
}

/// Takes one of the identity's files.
template <class Use>
result<void> take(const std::string& file, Use use) {
  error_code failed;
  use(file, failed);
  if (failed) return fail(errc::io_error, "{}: {}", file, failed.message());
  return {};
}

result<void> prepare(ssl::context& tls, const tls_files& identity) {
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  if (!identity.used()) {
    error_code failed;
    (void)tls.set_default_verify_paths(failed);
    if (failed) return fail(errc::io_error, "TLS: {}", failed.message());
    return {};
  }
  if (auto done = take(identity.authority,
                       [&](const auto& f, error_code& e) { (void)tls.load_verify_file(f, e); });
      !done)
    return done;
  if (auto done =
          take(identity.certificate,
               [&](const auto& f, error_code& e) { (void)tls.use_certificate_chain_file(f, e); });
      !done)
    return done;
  return take(identity.key, [&](const auto& f, error_code& e) {
    (void)tls.use_private_key_file(f, ssl::context::pem, e);
  });
}

result<http_reply> call(const server_address& server, request_type request,
                        std::chrono::milliseconds limit) {
  if (!server.secure) return call_over<plain_stream>(server, std::move(request), limit);
  ssl::context tls(ssl::context::tls_client);
  if (auto ready = prepare(tls, server.identity); !ready) return fail(ready.error());
  return call_over<secure_stream>(server, std::move(request), limit, tls);
}

}  // namespace

result<server_address> parse_address(std::string_view url) {
  const auto parsed = boost::urls::parse_uri({url.data(), url.size()});
  const bool secure = parsed && parsed->scheme() == "https";
  if (!parsed || !(secure || parsed->scheme() == "http") || parsed->host().empty())
    return fail(errc::invalid_argument, "'{}' is not an address such as http://127.0.0.1:8080",
                url.substr(0, 200));
  server_address made{parsed->host_address(), secure ? "443" : "80"};
  if (parsed->has_port()) made.port = std::string(parsed->port());
  made.secure = secure;
  return made;
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
