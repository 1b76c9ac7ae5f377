#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <algorithm>
#include <cmath>

#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/norm-inl.hpp"

// Products and sums are rounded separately, so vectors and the scalars that finish a row agree.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

void table_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const rope_table_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r) {
    float* row = p.table + std::size_t{r} * 2 * p.half;
    for (std::uint32_t i = 0; i < p.half; ++i) {
      const float angle = static_cast<float>(p.position[r]) * p.inv_freq[i];
      row[i] = std::cos(angle) * p.scale;
      row[p.half + i] = std::sin(angle) * p.scale;
    }
  }
}

/// (a, b) turned by the angle whose cosine and sine are c and s.
struct pair {
  floats a;
  floats b;
};
HWY_INLINE pair turn(floats a, floats b, floats c, floats s) {
  return {hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::Add(hn::Mul(b, c), hn::Mul(a, s))};
}

HWY_INLINE void turn_one(float& a, float& b, float c, float s) {
  const float first = a * c - b * s;
  b = b * c + a * s;
  a = first;
}

void rotate_halves(float* x, const float* table, std::uint32_t half) {
  const float_tag d;
  std::size_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const pair t = turn(hn::LoadU(d, x + i), hn::LoadU(d, x + half + i), hn::LoadU(d, table + i),
                        hn::LoadU(d, table + half + i));
    hn::StoreU(t.a, d, x + i);
    hn::StoreU(t.b, d, x + half + i);
  }
  for (; i < half; ++i) turn_one(x[i], x[half + i], table[i], table[half + i]);
}

void rotate_neighbours(float* x, const float* table, std::uint32_t half) {
  const float_tag d;
  std::size_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    floats a;
    floats b;
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    const pair t = turn(a, b, hn::LoadU(d, table + i), hn::LoadU(d, table + half + i));
    hn::StoreInterleaved2(t.a, t.b, d, x + 2 * i);
  }
  for (; i < half; ++i) turn_one(x[2 * i], x[2 * i + 1], table[i], table[half + i]);
}

void head(const rope_and_store_params& p, float* x, const float* norm, const float* table) {
  if (norm != nullptr) normalise(x, norm, p.eps, p.cache.head_dim, x);
  if (p.pairing == rope_pairing::halves)
    rotate_halves(x, table, p.half);
  else
    rotate_neighbours(x, table, p.half);
}

/// Rounds to float16, to nearest, ties to even.
void to_halves(const float* from, std::uint32_t count, std::byte* to) {
  const float_tag d;
  auto* halves = reinterpret_cast<hwy::float16_t*>(to);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) store_f16(hn::LoadU(d, from + i), halves + i);
  for (; i < count; ++i) {
    const std::uint16_t bits = half_bits(from[i]);
    std::memcpy(to + i * sizeof bits, &bits, sizeof bits);
  }
}

/// One head's values into the cache.
void store_value(const kv_layer& cache, const float* from, std::size_t element) {
  if (cache.type == kv_type::f32)
    std::memcpy(cache.values + element * sizeof(float), from, cache.head_dim * sizeof(float));
  else
    to_halves(from, cache.head_dim, cache.values + element * sizeof(std::uint16_t));
}

/// One head's key into its strip: elements `key_strip` apart.
template <class Element>
void scatter(const std::byte* from, std::uint32_t count, std::byte* to) {
  for (std::size_t i = 0; i < count; ++i)
    std::memcpy(to + i * key_strip * sizeof(Element), from + i * sizeof(Element), sizeof(Element));
}

void store_key(const kv_layer& cache, const float* from, std::size_t element) {
  constexpr std::uint32_t run = 64;
  alignas(64) std::byte halves[run * sizeof(std::uint16_t)];
  for (std::uint32_t i = 0; i < cache.head_dim; i += run, element += run * key_strip) {
    const std::uint32_t count = std::min(run, cache.head_dim - i);
    if (cache.type == kv_type::f32) {
      scatter<float>(reinterpret_cast<const std::byte*>(from + i), count,
                     cache.keys + element * sizeof(float));
    } else {
      to_halves(from + i, count, halves);
      scatter<std::uint16_t>(halves, count, cache.keys + element * sizeof(std::uint16_t));
    }
  }
}

void rope_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const rope_and_store_params*>(params);
  const kv_layer& c = p.cache;
  const std::size_t dim = c.head_dim;
  for (std::uint32_t r = begin; r < end; ++r) {
    float* q = p.qkv + r * (p.heads + 2 * c.kv_heads) * dim;
    float* k = q + p.heads * dim;
    const float* v = k + c.kv_heads * dim;
    const float* table = p.table + std::size_t{r} * 2 * p.half;
    for (std::uint32_t h = 0; h < p.heads; ++h) head(p, q + h * dim, p.q_norm, table);
    for (std::uint32_t h = 0; h < c.kv_heads; ++h) head(p, k + h * dim, p.k_norm, table);

    const auto position = static_cast<std::uint32_t>(p.where.position[r]);
    const std::int32_t* pages = p.where.page_tables[p.where.sequence[r]];
    const auto page = static_cast<std::size_t>(pages[position / c.page_size]);
    const std::uint32_t slot = position % c.page_size;
    for (std::uint32_t h = 0; h < c.kv_heads; ++h) {
      store_key(c, k + h * dim, c.key_at(page, h, slot));
      store_value(c, v + h * dim, c.value_at(page, h, slot));
    }
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(table_items);
HWY_EXPORT(rope_items);
task::body_fn rope_table_body() { return &HWY_DYNAMIC_DISPATCH(table_items); }
task::body_fn rope_and_store_body() { return &HWY_DYNAMIC_DISPATCH(rope_items); }
}  // namespace troupe::kernels::cpu
#endif
