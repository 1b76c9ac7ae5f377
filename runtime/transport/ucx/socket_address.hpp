#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe::ucx {

/// An IPv4 or IPv6 address and port, as the system takes it.
struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// From a numeric address; invalid_argument if it is none.
[[nodiscard]] result<socket_address> make_socket_address(const std::string& host,
                                                         std::uint16_t port);
/// The name of the interface that has the address; invalid_argument if none has.
[[nodiscard]] result<std::string> interface_of(const socket_address& address);

/// What a process tells its peers: 1 byte family (4 or 6), 2 bytes port, 4 or 16 bytes address.
[[nodiscard]] std::vector<std::byte> encode(const socket_address& address);
/// corrupt if the bytes are no address.
[[nodiscard]] result<socket_address> read_socket_address(std::span<const std::byte> bytes);
/// Shuts the socket of this process that listens at the encoded address, whoever owns it: from then
/// on connecting there is refused.
void stop_listening(std::span<const std::byte> address);

}  // namespace troupe::ucx
