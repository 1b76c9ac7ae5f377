#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels::cpu {

/// Weight rows in a tile of the packed order.
inline constexpr std::uint32_t tile_rows = 16;

/// How a tile of 16 weight rows lies in the packed order: blocks of `groups` groups of 32 columns,
/// each block a header that its groups share, then the groups. A group holds the quants of all 16
/// rows, row index fastest in 32-bit words (word i of row n at 4 * (16 * i + n)), then its scales,
/// row index fastest too. So one vector load brings the same columns of 16 rows, and a product
/// reads its weights from first byte to last. A word's bytes stand for four columns in the order
/// 0 2 1 3: each of its 16-bit halves opens into neighbouring columns' halves of two words.
///
/// | type | header | quants of a group | scales of a group |
/// |---|---|---|---|
/// | Q4_0 | - | 4 words: columns 4i.. in the low nibbles, 16 + 4i.. in the high | f16 d |
/// | Q4_1 | - | as Q4_0 | f16 d, f16 m |
/// | Q8_0 | - | 8 words of signed bytes | f16 d |
/// | Q4_K | f16 d, f16 dmin | as Q4_0 | u8 scale, u8 min |
/// | Q6_K | f16 d | as Q4_0, then 2 words of the two top bits of signed weights: word i holds those
/// of words i, i + 2, i + 4, i + 6 from bit 0 up | i8 scale of columns 0.., of columns 16.. |
struct packed_format {
  std::uint32_t groups = 0;        ///< groups in a block
  std::uint32_t header_bytes = 0;  ///< at the start of a block
  std::uint32_t quant_bytes = 0;   ///< of a group
  std::uint32_t scale_bytes = 0;   ///< of a group, after its quants

  [[nodiscard]] constexpr std::size_t group_bytes() const {
    return std::size_t{quant_bytes} + scale_bytes;
  }
  [[nodiscard]] constexpr std::size_t block_bytes() const {
    return header_bytes + groups * group_bytes();
  }
  /// Bytes of a tile of `cols` columns; 0 where there is no packed order.
  [[nodiscard]] constexpr std::size_t tile_bytes(std::uint32_t cols) const {
    return groups == 0 ? 0 : cols / (groups * q8_group) * block_bytes();
  }
};

/// The packed order of an integer-quantised type; all zero for the others, which have none.
[[nodiscard]] constexpr packed_format packed_format_of(dtype type) {
  switch (type) {
    case dtype::q4_0:
      return {1, 0, 256, 32};
    case dtype::q4_1:
      return {1, 0, 256, 64};
    case dtype::q8_0:
      return {1, 0, 512, 32};
    case dtype::q4_k:
      return {8, 64, 256, 32};
    case dtype::q6_k:
      return {8, 32, 384, 32};
    default:
      return {};
  }
}

}  // namespace troupe::kernels::cpu
