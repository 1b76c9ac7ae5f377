#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::kernels {

/// `rows` times `bytes` from one place to another that does not overlap it, in the stream's order:
/// within the device's memory, or between it and memory that the device shares with the machine.
struct copy_params {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  std::uint32_t rows = 1;
  /// Bytes from one row to the next, at least `bytes`; not read of a single row.
  std::size_t to_stride = 0;
  std::size_t from_stride = 0;
};

}  // namespace troupe::kernels
