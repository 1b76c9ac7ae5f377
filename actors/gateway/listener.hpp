#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/gateway/deadline.hpp"
#include "runtime/base/result.hpp"

namespace troupe::gateway {

/// Whether only this machine reaches the address. Fails with invalid_argument where it is none.
[[nodiscard]] result<bool> is_loopback(const std::string& host);

/// A bound socket and its accept loop. Io thread only, but for `open` and `listen`, which run
/// before `start`.
class listener : public std::enable_shared_from_this<listener> {
 public:
  using accepted = std::function<void(boost::asio::ip::tcp::socket)>;

  /// Takes the port; whoever connects is refused until `listen`. Fails with address_in_use where
  /// another process holds the port, invalid_argument where `host` is no address of this machine,
  /// io_error otherwise.
  [[nodiscard]] static result<std::shared_ptr<listener>> open(boost::asio::io_context& io,
                                                              const std::string& host,
                                                              std::uint16_t port);

  explicit listener(boost::asio::io_context& io) : acceptor_(io), pause_(io.get_executor()) {}

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// From now on connections wait for `start`. Fails as `open` does.
  [[nodiscard]] result<void> listen();
  void start(accepted on_accepted);
  /// Takes no newcomers. Calls `closed` once whoever had connected is accepted and the port is
  /// closed, a moment later. Once.
  void close(std::function<void()> closed);

 private:
  void accept();
  void finish();
  void ended();

  boost::asio::ip::tcp::acceptor acceptor_;
  deadline pause_;  ///< before the next attempt to accept, then before the end
  accepted on_accepted_;
  std::function<void()> closed_;
  bool accepting_ = false;
  std::string host_;
  std::uint16_t port_ = 0;
};

}  // namespace troupe::gateway
