#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe::ucx {

/// UCX reads whatever address it is given without looking how long it is, so a process tells its
/// peers 4 bytes of CRC-32 (little endian) before it. That is against damage, not against malice:
/// control, which carries addresses, knows its members.
[[nodiscard]] std::vector<std::byte> seal_address(std::span<const std::byte> address);
/// The address within `sealed`, in its memory; corrupt if it is not as it was sealed.
[[nodiscard]] result<std::span<const std::byte>> open_address(std::span<const std::byte> sealed);

}  // namespace troupe::ucx
