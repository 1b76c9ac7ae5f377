#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/attention.hpp"

namespace troupe {

/// Size and shape of a stage's KV pages.
struct kv_layout {
  std::uint32_t layers = 0;  ///< of this stage
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t page_size = 16;  ///< positions
  kernels::kv_type type = kernels::kv_type::f16;

  /// Bytes of keys (or of values) of one page of one layer.
  [[nodiscard]] std::size_t half_page_bytes() const {
    return std::size_t{kv_heads} * page_size * head_dim * kernels::kv_element_bytes(type);
  }
  /// Bytes of one page over all layers, keys and values.
  [[nodiscard]] std::size_t page_bytes() const { return half_page_bytes() * 2 * layers; }
  [[nodiscard]] std::size_t position_bytes() const { return page_bytes() / page_size; }
  /// Of a rank that has 1 / ranks of the heads.
  [[nodiscard]] kv_layout divided(std::uint32_t ranks) const {
    kv_layout own = *this;
    own.kv_heads /= ranks;
    return own;
  }
  [[nodiscard]] std::uint32_t pages_for(std::uint32_t positions) const {
    return (positions + page_size - 1) / page_size;
  }
};

}  // namespace troupe
