#pragma once

#include <cstddef>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// Copies `from`, a matrix in file order, to `to` in the order that this device's products read
/// (weight_layout::tiles). `to` has room for backend::packed_bytes(from). Products of either copy
/// have the same bits.
struct pack_params {
  matrix from;
  std::byte* to = nullptr;
};

}  // namespace troupe::kernels
