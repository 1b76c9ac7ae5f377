#include "runtime/transport/ucx/sealed_address.hpp"

#include <boost/crc.hpp>
#include <cstdint>

namespace troupe::ucx {
namespace {

constexpr std::size_t checksum_bytes = 4;

std::uint32_t checksum(std::span<const std::byte> bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

}  // namespace

std::vector<std::byte> seal_address(std::span<const std::byte> address) {
  std::vector<std::byte> sealed;
  sealed.reserve(checksum_bytes + address.size());
  const std::uint32_t sum = checksum(address);
  for (std::size_t i = 0; i < checksum_bytes; ++i)
    sealed.push_back(static_cast<std::byte>(sum >> (8 * i)));
  sealed.insert(sealed.end(), address.begin(), address.end());
  return sealed;
}

result<std::span<const std::byte>> open_address(std::span<const std::byte> sealed) {
  if (sealed.size() <= checksum_bytes)
    return fail(errc::corrupt, "{} bytes are no address of the data plane", sealed.size());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < checksum_bytes; ++i)
    sum |= static_cast<std::uint32_t>(sealed[i]) << (8 * i);
  const auto address = sealed.subspan(checksum_bytes);
  if (checksum(address) != sum)
    return fail(errc::corrupt, "an address of the data plane that was damaged on its way");
  return address;
}

}  // namespace troupe::ucx
