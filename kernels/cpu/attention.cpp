#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <algorithm>
#include <utility>

#include "kernels/api/attention.hpp"
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/dequantise-inl.hpp"
#include "kernels/cpu/simd/math-inl.hpp"
#include "kernels/cpu/simd/quantise-inl.hpp"

// One row and KV head at a time: each block of 64 positions makes a partial (maximum, sum, weighted
// values), which is merged into what the blocks before it made (online softmax, Milakov &
// Gimelshein 2018). Partials depend on their block alone, so they may be computed apart and merged
// in order with the same result.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Query heads handled together: each key and value is loaded once for all of them.
constexpr std::uint32_t heads_together = many_registers ? 4 : 2;

struct f16_cache {
  static constexpr std::size_t bytes = 2;
  static HWY_INLINE floats load(const std::byte* from) { return load_f16(from); }
};
struct f32_cache {
  static constexpr std::size_t bytes = 4;
  static HWY_INLINE floats load(const std::byte* from) { return load_f32(from); }
};

/// The positions of one block for one KV head.
struct block_rows {
  const std::byte* keys[attention_block];
  const std::byte* values[attention_block];
  std::uint32_t count;
};

/// What the blocks so far made for the query heads of one KV head.
struct partial {
  float* max;
  float* sum;
  float* values;  // [heads, head_dim], not yet divided by sum
};

void locate(const kv_layer& c, const std::int32_t* pages, std::uint32_t head, std::uint32_t first,
            std::uint32_t count, block_rows& out) {
  const std::size_t row = c.head_dim * kv_element_bytes(c.type);
  out.count = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t position = first + i;
    const auto page = static_cast<std::size_t>(pages[position / c.page_size]);
    const std::size_t at =
        ((page * c.kv_heads + head) * c.page_size + position % c.page_size) * row;
    out.keys[i] = c.keys + at;
    out.values[i] = c.values + at;
  }
}

/// scores[h * 64 + i] = q[h] . keys[i] * scale
template <class Cache, std::uint32_t Heads>
HWY_INLINE void score(const float* q, std::uint32_t dim, float scale, const block_rows& rows,
                      float* scores) {
  const float_tag d;
  for (std::uint32_t i = 0; i < rows.count; i += 4) {
    const std::byte* key[4];
    for (std::uint32_t j = 0; j < 4; ++j)
      key[j] = rows.keys[i + j < rows.count ? i + j : rows.count - 1];
    floats total[Heads][4];
    for (auto& row : total)
      for (auto& one : row) one = hn::Zero(d);
    for (std::size_t c = 0; c < dim; c += lanes) {
      floats k[4];
      for (std::uint32_t j = 0; j < 4; ++j) k[j] = Cache::load(key[j] + c * Cache::bytes);
      for (std::uint32_t h = 0; h < Heads; ++h) {
        const floats qv = hn::LoadU(d, q + std::size_t{h} * dim + c);
        for (std::uint32_t j = 0; j < 4; ++j) total[h][j] = hn::MulAdd(qv, k[j], total[h][j]);
      }
    }
    for (std::uint32_t h = 0; h < Heads; ++h) {
      float* to = scores + std::size_t{h} * attention_block + i;
      sum4(total[h][0], total[h][1], total[h][2], total[h][3], to);
      for (std::uint32_t j = 0; j < 4; ++j) to[j] *= scale;
    }
  }
}

/// out[h] = sum over i of weights[h * 64 + i] * values[i], in ascending order
template <class Cache, std::uint32_t Heads>
HWY_INLINE void weigh(const float* weights, std::uint32_t dim, const block_rows& rows, float* out) {
  const float_tag d;
  const auto columns = [&]<std::size_t Vectors>(std::size_t c,
                                                std::index_sequence<Vectors>) HWY_ATTR {
    floats total[Heads][Vectors];
    for (auto& row : total)
      for (auto& one : row) one = hn::Zero(d);
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      floats v[Vectors];
      for (std::size_t j = 0; j < Vectors; ++j)
        v[j] = Cache::load(rows.values[i] + (c + j * lanes) * Cache::bytes);
      for (std::uint32_t h = 0; h < Heads; ++h) {
        const floats weight = hn::Set(d, weights[std::size_t{h} * attention_block + i]);
        for (std::size_t j = 0; j < Vectors; ++j)
          total[h][j] = hn::MulAdd(weight, v[j], total[h][j]);
      }
    }
    for (std::uint32_t h = 0; h < Heads; ++h)
      for (std::size_t j = 0; j < Vectors; ++j)
        hn::StoreU(total[h][j], d, out + std::size_t{h} * dim + c + j * lanes);
  };
  std::size_t c = 0;
  for (; c + 2 * lanes <= dim; c += 2 * lanes) columns(c, std::index_sequence<2>());
  for (; c < dim; c += lanes) columns(c, std::index_sequence<1>());
}

/// scores of a block to exp(score - max), in place; returns their maximum and sum.
struct block_sums {
  float max;
  float sum;
};
HWY_INLINE block_sums soften(float* scores, std::uint32_t count) {
  const float_tag d;
  float peak = scores[0];
  for (std::uint32_t i = 1; i < count; ++i) peak = scores[i] > peak ? scores[i] : peak;
  for (std::uint32_t i = count; i % 16 != 0; ++i) scores[i] = peak;
  for (std::size_t i = 0; i < count; i += lanes)
    hn::StoreU(exp(hn::Sub(hn::LoadU(d, scores + i), hn::Set(d, peak))), d, scores + i);
  for (std::uint32_t i = count; i % 16 != 0; ++i) scores[i] = 0;
  floats total = hn::Zero(d);
  for (std::size_t i = 0; i < count; i += lanes) total = hn::Add(total, hn::LoadU(d, scores + i));
  return {peak, sum(total)};
}

HWY_INLINE float exp_one(float x) { return hn::GetLane(exp(hn::Set(float_tag(), x))); }

/// Adds a block's partial for one head to what came before it.
HWY_INLINE void merge(float& max, float& total, float* values, const block_sums& block,
                      const float* block_values, std::uint32_t dim) {
  const float_tag d;
  const float peak = max > block.max ? max : block.max;
  const float before = exp_one(max - peak);
  const float now = exp_one(block.max - peak);
  max = peak;
  total = total * before + block.sum * now;
  for (std::size_t c = 0; c < dim; c += lanes) {
    const floats old = hn::Mul(hn::LoadU(d, values + c), hn::Set(d, before));
    hn::StoreU(hn::MulAdd(hn::LoadU(d, block_values + c), hn::Set(d, now), old), d, values + c);
  }
}

/// One block for `Heads` query heads.
template <class Cache, std::uint32_t Heads>
void attend_block(const float* q, std::uint32_t dim, float scale, const block_rows& rows,
                  bool first, const partial& into, float* temporary) {
  alignas(64) float scores[Heads * attention_block];
  score<Cache, Heads>(q, dim, scale, rows, scores);
  block_sums sums[Heads];
  for (std::uint32_t h = 0; h < Heads; ++h)
    sums[h] = soften(scores + std::size_t{h} * attention_block, rows.count);
  weigh<Cache, Heads>(scores, dim, rows, first ? into.values : temporary);
  for (std::uint32_t h = 0; h < Heads; ++h) {
    if (first) {
      into.max[h] = sums[h].max;
      into.sum[h] = sums[h].sum;
    } else {
      const std::size_t at = std::size_t{h} * dim;
      merge(into.max[h], into.sum[h], into.values + at, sums[h], temporary + at, dim);
    }
  }
}

template <class Cache, std::uint32_t Most>
void attend_heads(const float* q, std::uint32_t heads, std::uint32_t dim, float scale,
                  const block_rows& rows, bool first, partial into, float* temporary) {
  for (; heads >= Most; heads -= Most) {
    attend_block<Cache, Most>(q, dim, scale, rows, first, into, temporary);
    q += std::size_t{Most} * dim;
    into = {into.max + Most, into.sum + Most, into.values + std::size_t{Most} * dim};
  }
  if constexpr (Most > 1) {
    if (heads != 0)
      attend_heads<Cache, Most - 1>(q, heads, dim, scale, rows, first, into, temporary);
  }
}

/// Head width in whole vectors, whatever the instruction set.
std::uint32_t whole_vectors(std::uint32_t dim) { return (dim + 15) / 16 * 16; }

/// Copies a block into float32 rows of `wide` elements, zeros after the first `dim`.
template <class Cache>
void widen(block_rows& rows, std::uint32_t dim, std::uint32_t wide, float* room) {
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    for (const std::byte** row : {&rows.keys[i], &rows.values[i]}) {
      convert(*row, Cache::bytes, dim, room, Cache::load);
      std::fill(room + dim, room + wide, 0.0F);
      *row = reinterpret_cast<const std::byte*>(room);
      room += wide;
    }
  }
}

/// All blocks of one row and KV head: [group, head_dim] into out.
template <class Cache>
void attend(const attention_params& p, std::uint32_t row, std::uint32_t kv_head, float* out,
            float* scratch) {
  const kv_layer& c = p.cache;
  const std::uint32_t dim = c.head_dim;
  const std::uint32_t wide = whole_vectors(dim);
  const std::uint32_t group = p.heads / c.kv_heads;
  const std::size_t size = std::size_t{group} * wide;
  const float* q =
      p.qkv + (std::size_t{row} * (p.heads + 2 * c.kv_heads) + std::size_t{kv_head} * group) * dim;
  const std::int32_t* pages = p.where.page_tables[p.where.sequence[row]];
  const auto positions = static_cast<std::uint32_t>(p.where.position[row]) + 1;

  const partial into{scratch, scratch + group, scratch + 2 * std::size_t{group}};
  float* temporary = into.values + size;
  float* wide_q = temporary + size;
  float* wide_rows = wide_q + size;
  if (wide != dim) {
    for (std::uint32_t h = 0; h < group; ++h) {
      std::copy_n(q + std::size_t{h} * dim, dim, wide_q + std::size_t{h} * wide);
      std::fill_n(wide_q + std::size_t{h} * wide + dim, wide - dim, 0.0F);
    }
    q = wide_q;
  }
  block_rows rows;
  for (std::uint32_t from = 0; from < positions; from += attention_block) {
    const std::uint32_t left = positions - from;
    locate(c, pages, kv_head, from, left < attention_block ? left : attention_block, rows);
    if (wide != dim) {
      widen<Cache>(rows, dim, wide, wide_rows);
      attend_heads<f32_cache, heads_together>(q, group, wide, p.scale, rows, from == 0, into,
                                              temporary);
    } else {
      attend_heads<Cache, heads_together>(q, group, dim, p.scale, rows, from == 0, into, temporary);
    }
  }
  for (std::uint32_t h = 0; h < group; ++h) {
    const float factor = 1.0F / into.sum[h];
    for (std::uint32_t i = 0; i < dim; ++i)
      out[std::size_t{h} * dim + i] = into.values[std::size_t{h} * wide + i] * factor;
  }
}

void attention_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& work = *static_cast<const attention_work*>(params);
  const attention_params& p = work.p;
  const kv_layer& c = p.cache;
  const std::uint32_t runs = c.kv_heads / work.kv_heads_per_item;
  const std::uint32_t group = p.heads / c.kv_heads;
  const std::uint32_t cols = p.heads * c.head_dim;
  const std::uint32_t width = cols / runs;
  auto* result = reinterpret_cast<float*>(w.scratch);
  for (std::uint32_t item = begin; item < end; ++item) {
    const std::uint32_t row = item / runs;
    const std::uint32_t run = item % runs;
    for (std::uint32_t i = 0; i < work.kv_heads_per_item; ++i) {
      const std::uint32_t head = run * work.kv_heads_per_item + i;
      float* out = result + std::size_t{i} * group * c.head_dim;
      if (c.type == kv_type::f16)
        attend<f16_cache>(p, row, head, out, result + width);
      else
        attend<f32_cache>(p, row, head, out, result + width);
    }
    const std::uint32_t first = run * width;
    if (p.out.f32 != nullptr)
      std::memcpy(p.out.f32 + std::size_t{row} * cols + first, result, width * sizeof(float));
    if (p.out.q8 != nullptr)
      quantise_blocks(result, first / q8_group, width / q8_group,
                      p.out.q8 + row * q8_row_bytes(cols));
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(attention_items);
task::body_fn attention_body() { return &HWY_DYNAMIC_DISPATCH(attention_items); }
}  // namespace troupe::kernels::cpu
#endif
