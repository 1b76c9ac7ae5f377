#pragma once

#include <cstddef>

#include "runtime/device/block_pool.hpp"

namespace troupe {

/// Pinned host memory, which the device copies to and from by itself: where rows wait on their way
/// between a device and the network.
[[nodiscard]] block_pool make_pinned_pool(std::size_t most_bytes);

}  // namespace troupe
