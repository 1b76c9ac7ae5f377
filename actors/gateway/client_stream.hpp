#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <memory>

namespace troupe::gateway {

/// The bytes between a client and its connection, with TLS around them or without. One read and one
/// write may be under way at a time; whoever waits for either keeps this alive. Io thread only.
class client_stream {
 public:
  using error_code = boost::system::error_code;
  using moved = std::function<void(const error_code&, std::size_t)>;

  /// `tls` null: none.
  client_stream(boost::asio::ip::tcp::socket socket,
                const std::shared_ptr<boost::asio::ssl::context>& tls);
  client_stream(const client_stream&) = delete;
  client_stream& operator=(const client_stream&) = delete;
  ~client_stream();

  [[nodiscard]] boost::asio::any_io_executor get_executor() { return socket_.get_executor(); }
  [[nodiscard]] bool secured() const { return tls_ != nullptr; }
  /// The server's part of TLS's handshake, before anything else; only where secured.
  void handshake(std::function<void(const error_code&)> done);
  /// What a handshake fails with whose client speaks HTTP without TLS.
  [[nodiscard]] static bool is_plain_http(const error_code& failed);
  /// Goes on without TLS after such a handshake, so that the client can be told.
  void drop_tls();

  void read_some(boost::asio::mutable_buffer into, moved done);
  void write_some(boost::asio::const_buffer from, moved done);
  /// Whether a read has ended because the client sends no more, in order or not.
  [[nodiscard]] static bool is_end(const error_code& failed);
  /// Tells the client that no more comes; reads go on. Once, after the last write.
  void finish(const std::shared_ptr<void>& owner);
  /// Ends what is under way. The client learns that the end is none that was meant, unless
  /// finish() said so.
  void close();

 private:
  struct secure;
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<secure> tls_;
};

}  // namespace troupe::gateway
