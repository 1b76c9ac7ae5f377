#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/body/reduce.hpp"

// Positions: the angles' table, and q and k on their way into the paged cache.
namespace troupe::kernels::cuda {

/// Where a position of a row's sequence lies in the store.
TROUPE_KERNEL std::size_t page_of(const row_placement& where, std::uint32_t row,
                                  std::uint32_t page_size, std::uint32_t position) {
  return static_cast<std::size_t>(where.page_tables[where.sequence[row]][position / page_size]);
}

TROUPE_KERNEL float load_kv(kv_type type, const std::byte* base, std::size_t at) {
  if (type == kv_type::f32) return reinterpret_cast<const float*>(base)[at];
  return from_f16(reinterpret_cast<const std::uint16_t*>(base)[at]);
}

TROUPE_KERNEL void store_kv(kv_type type, std::byte* base, std::size_t at, float value) {
  if (type == kv_type::f32)
    reinterpret_cast<float*>(base)[at] = value;
  else
    reinterpret_cast<std::uint16_t*>(base)[at] = to_f16(value);
}

struct rope_table_kernel {
  using params = rope_table_params;
  static constexpr std::uint32_t threads = 128;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    float* row = p.table + std::size_t{t.x()} * 2 * p.half;
    for (std::uint32_t i = t.thread(); i < p.half; i += threads) {
      const auto angle = double{static_cast<float>(p.position[t.x()]) * p.inv_freq[i]};
      row[i] = static_cast<float>(cos(angle)) * p.scale;
      row[p.half + i] = static_cast<float>(sin(angle)) * p.scale;
    }
  }
};

/// A block a row; its warps share the heads.
struct rope_and_store_kernel {
  using params = rope_and_store_params;
  static constexpr std::uint32_t threads = 128;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const std::uint32_t dim = p.cache.head_dim;
    const std::uint32_t heads = p.heads + 2 * p.cache.kv_heads;
    const auto position = static_cast<std::uint32_t>(p.where.position[t.x()]);
    const std::size_t page = page_of(p.where, t.x(), p.cache.page_size, position);
    const std::uint32_t slot = position % p.cache.page_size;
    for (std::uint32_t h = t.warp(); h < heads; h += threads / warp_size) {
      float* x = p.qkv + (std::size_t{t.x()} * heads + h) * dim;
      if (h < p.heads) {
        turn(t, p, x, p.q_norm);
      } else if (h < p.heads + p.cache.kv_heads) {
        turn(t, p, x, p.k_norm);
        const std::size_t at = p.cache.key_at(page, h - p.heads, slot);
        for (std::uint32_t i = t.lane(); i < dim; i += warp_size)
          store_kv(p.cache.type, p.cache.keys, at + std::size_t{i} * key_strip, x[i]);
      } else {
        const std::size_t at = p.cache.value_at(page, h - p.heads - p.cache.kv_heads, slot);
        for (std::uint32_t i = t.lane(); i < dim; i += warp_size)
          store_kv(p.cache.type, p.cache.values, at + i, x[i]);
      }
    }
  }

 private:
  /// Norm and rotation of one head, in place, by one warp.
  template <class Thread>
  TROUPE_KERNEL static void turn(Thread& t, const params& p, float* x, const float* weight) {
    const std::uint32_t dim = p.cache.head_dim;
    if (weight != nullptr) {
      float squares = 0;
      for (std::uint32_t i = t.lane(); i < dim; i += warp_size) squares = fmaf(x[i], x[i], squares);
      squares = warp_sum(t, squares);
      const float root = sqrtf(squares / static_cast<float>(dim) + p.eps);
      for (std::uint32_t i = t.lane(); i < dim; i += warp_size) x[i] = x[i] / root * weight[i];
      t.sync_warp();
    }
    const float* table = p.table + std::size_t{t.x()} * 2 * p.half;
    for (std::uint32_t i = t.lane(); i < p.half; i += warp_size) {
      float& a = p.pairing == rope_pairing::halves ? x[i] : x[2 * i];
      float& b = p.pairing == rope_pairing::halves ? x[p.half + i] : x[2 * i + 1];
      const float first = a * table[i] - b * table[p.half + i];
      b = b * table[i] + a * table[p.half + i];
      a = first;
    }
    t.sync_warp();
  }
};

}  // namespace troupe::kernels::cuda
