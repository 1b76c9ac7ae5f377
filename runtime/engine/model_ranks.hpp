#pragma once

#include "runtime/engine/activation_needs.hpp"
#include "runtime/engine/tensor_share.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// Whether the device's ranks can share this model's attention; invalid_argument says why not.
[[nodiscard]] inline result<void> ranks_suit(device& d, const model_files& files,
                                             activation_mode asked) {
  const model_config& c = files.config();
  activation_needs attended;
  for (std::uint32_t layer = 0; layer < c.layers; ++layer)
    attended.add(files.matrix(matrix_slot::attention_output, layer, 0), mode_on(d, asked));
  return ranks_suit(d.ranks(), c.heads, c.kv_heads, c.head_dim, attended.q8);
}

}  // namespace troupe
