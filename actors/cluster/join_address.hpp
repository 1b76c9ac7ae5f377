#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// Where a supervisor takes nodes in.
struct join_address {
  std::string host;
  std::uint16_t port = 0;
};

/// "host:port"; invalid_argument says what is wrong with it.
[[nodiscard]] result<join_address> parse_join_address(std::string_view text);

/// The addresses between commas, without spaces.
[[nodiscard]] std::vector<std::string> split_addresses(std::string_view list);

/// What somebody who opens a connection finds.
enum class door : std::uint8_t { open, refused, silent };
/// Connects the socket, which must belong to `io`; blocks for at most `limit`.
[[nodiscard]] door open_door(boost::asio::io_context& io, boost::asio::ip::tcp::socket& socket,
                             const join_address& at, std::chrono::milliseconds limit);
/// Opens a connection and closes it; blocks for at most `limit`.
[[nodiscard]] door knock(const join_address& at, std::chrono::milliseconds limit);

/// The numeric address of this machine from which packets to `to` leave: the one that others in
/// that network reach this machine at.
[[nodiscard]] result<std::string> local_address_towards(const join_address& to);

}  // namespace troupe
