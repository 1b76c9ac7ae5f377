#pragma once

#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

/// out[r, :] = table[ids[r], :] in float32. `ids` are below `table.rows`.
struct embed_params {
  matrix table;
  const std::int32_t* ids = nullptr;
  float* out = nullptr;
  std::uint32_t rows = 0;
};

/// out[r, :] = in[index[r], :]; `cols` floats a row. Picks the rows that go to the head.
struct gather_rows_params {
  const float* in = nullptr;
  const std::uint32_t* index = nullptr;
  float* out = nullptr;
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
};

}  // namespace troupe::kernels
