#include "runtime/transport/ucx/interface_of.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace troupe::ucx {
namespace {

struct list_releaser {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

/// Where the address proper lies in a sockaddr of either family.
const void* address_in(const sockaddr* whole) {
  if (whole->sa_family == AF_INET6) return &reinterpret_cast<const sockaddr_in6*>(whole)->sin6_addr;
  return &reinterpret_cast<const sockaddr_in*>(whole)->sin_addr;
}

}  // namespace

result<std::string> interface_of(const std::string& host) {
  std::array<std::byte, sizeof(in6_addr)> wanted{};
  sa_family_t family = AF_INET;
  std::size_t size = sizeof(in_addr);
  if (inet_pton(AF_INET, host.c_str(), wanted.data()) != 1) {
    family = AF_INET6;
    size = sizeof(in6_addr);
    if (inet_pton(AF_INET6, host.c_str(), wanted.data()) != 1)
      return fail(errc::invalid_argument, "data plane host '{}' is not a numeric address", host);
  }
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return fail(errc::io_error, "interfaces: {}", std::strerror(errno));
  const std::unique_ptr<ifaddrs, list_releaser> list(first);
  for (const ifaddrs* i = list.get(); i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != family) continue;
    if (std::memcmp(address_in(i->ifa_addr), wanted.data(), size) == 0) return i->ifa_name;
  }
  return fail(errc::invalid_argument, "no network interface has the data plane's address {}", host);
}

}  // namespace troupe::ucx
