#include "actors/gateway/client_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

namespace troupe::gateway {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

struct client_stream::secure {
  secure(asio::ip::tcp::socket& socket, const std::shared_ptr<ssl::context>& made_with)
      : context(made_with), stream(socket, *context) {}

  const std::shared_ptr<ssl::context> context;
  ssl::stream<asio::ip::tcp::socket&> stream;
};

client_stream::client_stream(asio::ip::tcp::socket socket, const std::shared_ptr<ssl::context>& tls)
    : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (tls) tls_ = std::make_unique<secure>(socket_, tls);
}

client_stream::~client_stream() = default;

void client_stream::handshake(std::function<void(const error_code&)> done) {
  tls_->stream.async_handshake(ssl::stream_base::server, std::move(done));
}

bool client_stream::is_plain_http(const error_code& failed) {
  return failed.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(failed.value())) == SSL_R_HTTP_REQUEST;
}

void client_stream::drop_tls() { tls_.reset(); }

void client_stream::read_some(asio::mutable_buffer into, moved done) {
  if (tls_) return tls_->stream.async_read_some(into, std::move(done));
  socket_.async_read_some(into, std::move(done));
}

void client_stream::write_some(asio::const_buffer from, moved done) {
  if (tls_) return tls_->stream.async_write_some(from, std::move(done));
  socket_.async_write_some(from, std::move(done));
}

bool client_stream::is_end(const error_code& failed) {
  return failed == asio::error::eof || failed == ssl::error::stream_truncated;
}

void client_stream::finish(const std::shared_ptr<void>& owner) {
  error_code ignored;
  if (tls_) {
    // It also waits for the client's own end, as the read that follows does.
    tls_->stream.async_shutdown([owner](const error_code&) {});
  } else {
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
}

void client_stream::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace troupe::gateway
