#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::test {

struct tls_offer {
  int lowest = 0;         ///< version, as OpenSSL numbers them; 0: any
  int highest = 0;        ///< likewise
  std::string protocols;  ///< as ALPN writes them down; empty: says nothing of them
};

/// A client that speaks TLS to 127.0.0.1, blocking; believes every certificate. Every wait ends
/// after ten seconds, as the socket's own timeout.
class tls_client {
 public:
  explicit tls_client(std::uint16_t port, const tls_offer& offer = {});

  /// Whether TLS was agreed on; what the server refused it with otherwise.
  [[nodiscard]] bool agreed() const { return !failed_; }
  [[nodiscard]] std::string refusal() const { return failed_.message(); }
  [[nodiscard]] std::string version() { return SSL_get_version(stream_.native_handle()); }
  [[nodiscard]] std::string protocol();
  /// The common name in the server's certificate.
  [[nodiscard]] std::string server_name();

  bool send(std::string_view bytes);
  /// Everything up to and including `mark`; what had come if the server ends before.
  std::string read_until(std::string_view mark);
  std::string read_to_end();
  /// Whether the server has said in TLS that no more comes, instead of only closing.
  [[nodiscard]] bool ended_in_order() const { return in_order_; }

 private:
  bool fill();
  boost::asio::io_context io_;
  boost::asio::ssl::context context_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  boost::system::error_code failed_;
  std::string input_;
  bool in_order_ = false;
};

}  // namespace troupe::test
