#include "runtime/transport/ucx/socket_address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace troupe::ucx {
namespace {

socket_address from_ipv4(const in_addr& address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr = address;
  socket_address made;
  std::memcpy(&made.storage, &in, sizeof in);
  made.size = sizeof in;
  return made;
}

socket_address from_ipv6(const in6_addr& address, std::uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = address;
  socket_address made;
  std::memcpy(&made.storage, &in, sizeof in);
  made.size = sizeof in;
  return made;
}

/// The address proper and the port's two bytes, as they lie in a sockaddr.
struct parts {
  std::span<const std::byte> address;
  std::span<const std::byte> port;
};

parts parts_of(const sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(address);
    return {std::as_bytes(std::span(&in->sin6_addr, 1)),
            std::as_bytes(std::span(&in->sin6_port, 1))};
  }
  const auto* in = reinterpret_cast<const sockaddr_in*>(address);
  return {std::as_bytes(std::span(&in->sin_addr, 1)), std::as_bytes(std::span(&in->sin_port, 1))};
}

}  // namespace

result<socket_address> make_socket_address(const std::string& host, std::uint16_t port) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return from_ipv4(v4, port);
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return from_ipv6(v6, port);
  return fail(errc::invalid_argument, "data plane host '{}' is not a numeric address", host);
}

result<std::string> interface_of(const socket_address& address) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return fail(errc::io_error, "interfaces: {}", std::strerror(errno));
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(first, &freeifaddrs);
  const auto wanted = parts_of(address.get()).address;
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != address.get()->sa_family) continue;
    const auto found = parts_of(i->ifa_addr).address;
    if (std::memcmp(found.data(), wanted.data(), wanted.size()) == 0) return i->ifa_name;
  }
  return fail(errc::invalid_argument, "no network interface has the data plane's address");
}

std::vector<std::byte> encode(const socket_address& address) {
  const parts p = parts_of(address.get());
  std::vector<std::byte> bytes{address.get()->sa_family == AF_INET6 ? std::byte{6} : std::byte{4}};
  bytes.insert(bytes.end(), p.port.begin(), p.port.end());
  bytes.insert(bytes.end(), p.address.begin(), p.address.end());
  return bytes;
}

result<socket_address> read_socket_address(std::span<const std::byte> bytes) {
  const bool v4 = bytes.size() == 3 + sizeof(in_addr) && bytes[0] == std::byte{4};
  const bool v6 = bytes.size() == 3 + sizeof(in6_addr) && bytes[0] == std::byte{6};
  if (!v4 && !v6) return fail(errc::corrupt, "{} bytes are no data plane address", bytes.size());
  std::uint16_t port = 0;
  std::memcpy(&port, &bytes[1], sizeof port);
  if (v4) {
    in_addr address{};
    std::memcpy(&address, &bytes[3], sizeof address);
    return from_ipv4(address, ntohs(port));
  }
  in6_addr address{};
  std::memcpy(&address, &bytes[3], sizeof address);
  return from_ipv6(address, ntohs(port));
}

void stop_listening(std::span<const std::byte> address) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
      continue;
    socket_address at;
    at.size = sizeof at.storage;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0)
      continue;
    if (std::ranges::equal(encode(at), address)) (void)::shutdown(descriptor, SHUT_RDWR);
  }
}

}  // namespace troupe::ucx
