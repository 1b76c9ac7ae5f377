#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels {

enum class kv_type : std::uint8_t { f16, f32 };

[[nodiscard]] constexpr std::size_t kv_element_bytes(kv_type type) {
  return type == kv_type::f16 ? 2 : 4;
}

/// Positions whose keys lie interleaved in the store.
inline constexpr std::uint32_t key_strip = 16;

/// The paged key and value store of one layer. A page holds `page_size` positions (a multiple of
/// key_strip) of every KV head. Values lie position by position. Keys lie in strips of 16
/// positions: the first element of each of the 16, then the second of each, and so on, as scores
/// are computed for many positions at a time.
struct kv_layer {
  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  kv_type type = kv_type::f16;
  std::uint32_t page_size = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  /// Elements from a page to the next; 0: pages lie one after another.
  std::size_t page_stride = 0;

  [[nodiscard]] constexpr std::size_t page_at(std::size_t page) const {
    return page * (page_stride == 0 ? std::size_t{kv_heads} * page_size * head_dim : page_stride);
  }
  /// Index in `values` of a position's first element; the others follow.
  [[nodiscard]] constexpr std::size_t value_at(std::size_t page, std::uint32_t head,
                                               std::uint32_t slot) const {
    return page_at(page) + (std::size_t{head} * page_size + slot) * head_dim;
  }
  /// Index in `keys` of a position's first element; the others follow at a distance of key_strip.
  [[nodiscard]] constexpr std::size_t key_at(std::size_t page, std::uint32_t head,
                                             std::uint32_t slot) const {
    return value_at(page, head, slot / key_strip * key_strip) + slot % key_strip;
  }
};

/// Where each row of a step stands: its position in its sequence, and its sequence's page table
/// (`page_tables[sequence[r]]` lists page numbers; position p lies in entry p / page_size).
/// Where backend::reads_at_call(), positions and sequences are read at the call as well, to divide
/// the work.
struct row_placement {
  const std::int32_t* position = nullptr;
  const std::uint32_t* sequence = nullptr;
  const std::int32_t* const* page_tables = nullptr;
  std::uint32_t rows = 0;
};

/// cos and sin of position * inv_freq[i], times `scale`, as float32:
/// table[r, 0 .. half) = cos, table[r, half .. 2 half) = sin. The angle is a float32 product, as in
/// the models' reference implementation.
struct rope_table_params {
  const std::int32_t* position = nullptr;
  const float* inv_freq = nullptr;
  float* table = nullptr;
  float scale = 1.0F;
  std::uint32_t half = 0;
  std::uint32_t rows = 0;
};

/// How a head's elements pair up for rotation: (i, i + half), or neighbours (2i, 2i + 1) as in GGUF
/// files of the llama architecture.
enum class rope_pairing : std::uint8_t { halves, neighbours };

/// For every row of qkv[rows, (heads + 2 kv_heads) * head_dim]: optional RMSNorm of each q and k
/// head (one weight of head_dim shared by all heads; null means none), rotation of the first 2 *
/// half elements of each q and k head, and k, v written to the cache at the row's position. q is
/// rotated in place.
struct rope_and_store_params {
  float* qkv = nullptr;
  const float* q_norm = nullptr;
  const float* k_norm = nullptr;
  const float* table = nullptr;
  kv_layer cache;
  row_placement where;
  float eps = 1e-6F;
  rope_pairing pairing = rope_pairing::halves;
  std::uint32_t heads = 0;
  std::uint32_t half = 0;
};

/// Causal attention of every row over positions 0 .. position[r] of its sequence:
/// out[r, h] = softmax(q . k * scale) v, grouped-query (heads / kv_heads query heads share a KV
/// head).
///
/// KV is visited in blocks of `attention_block` positions aligned to absolute position 0, each
/// block's partial (maximum, sum, weighted values) merged in ascending order: the result of a row
/// is the same bits whether it came as prefill or decode, and whether its blocks were visited by
/// one thread or by many. q is read from `qkv` as rope_and_store left it.
struct attention_params {
  const float* qkv = nullptr;
  kv_layer cache;
  row_placement where;
  activation out;
  float scale = 1.0F;
  std::uint32_t heads = 0;
  /// Optional, aligned to 64 bytes: room for partials of blocks, so that threads can share a row.
  /// Zeroed before its first use; calls on one stream may share it. attention_workspace_bytes()
  /// says how much helps.
  std::byte* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

/// Positions in one attention block; a multiple of every page size in use (16 and 32).
inline constexpr std::uint32_t attention_block = 256;

/// Head width in whole vectors, whatever the instruction set.
[[nodiscard]] constexpr std::uint32_t whole_vectors(std::uint32_t head_dim) {
  return (head_dim + 15) / 16 * 16;
}

/// Rows that can share their blocks at a time: the length of the counters before the partials.
inline constexpr std::uint32_t attention_counters = 1024;

/// Workspace with which all blocks of single rows, `positions` in all, can be shared. It also
/// suffices for one row of `positions`.
[[nodiscard]] constexpr std::size_t attention_workspace_bytes(std::uint32_t heads,
                                                              std::uint32_t head_dim,
                                                              std::size_t positions) {
  const std::size_t blocks = (positions + attention_block - 1) / attention_block;
  return attention_counters * sizeof(std::uint32_t) +
         blocks * heads * (std::size_t{whole_vectors(head_dim)} + 2) * sizeof(float);
}

}  // namespace troupe::kernels
