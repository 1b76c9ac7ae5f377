#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "actors/cluster/join_address.hpp"

namespace troupe {

/// Notices that nobody listens at an address any more, by a connection that it keeps open and says
/// nothing on: the machine there ends it with the process. Not thread-safe.
class door_watch {
 public:
  /// Whether the machine there says that nobody listens. Blocks for at most `limit`, and only to
  /// connect.
  [[nodiscard]] bool refused(const std::string& address, std::chrono::milliseconds limit);

 private:
  [[nodiscard]] bool still_open();

  boost::asio::io_context io_{1};
  std::string address_;
  std::optional<boost::asio::ip::tcp::socket> held_;
};

}  // namespace troupe
