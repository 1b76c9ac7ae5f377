#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
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

/// One head's values into the cache, rounded to nearest even for float16.
void store(const kv_layer& cache, const float* from, std::byte* base, std::size_t element) {
  const float_tag d;
  if (cache.type == kv_type::f32) {
    std::memcpy(base + element * sizeof(float), from, cache.head_dim * sizeof(float));
    return;
  }
  auto* to = reinterpret_cast<hwy::float16_t*>(base) + element;
  std::size_t i = 0;
  for (; i + lanes <= cache.head_dim; i += lanes) store_f16(hn::LoadU(d, from + i), to + i);
  for (; i < cache.head_dim; ++i) {
    const std::uint16_t bits = half_bits(from[i]);
    std::memcpy(to + i, &bits, sizeof bits);
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
    for (std::uint32_t h = 0; h < c.kv_heads; ++h) {
      const std::size_t element =
          ((page * c.kv_heads + h) * c.page_size + position % c.page_size) * dim;
      store(c, k + h * dim, c.keys, element);
      store(c, v + h * dim, c.values, element);
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
