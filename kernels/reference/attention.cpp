#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/reference/convert.hpp"
#include "kernels/reference/ops.hpp"
#include "kernels/reference/product.hpp"

namespace troupe::kernels::reference {
namespace {

/// Indices of element i of (position, head) of a row's sequence in the paged store.
struct element {
  std::size_t key;
  std::size_t value;
};
element element_at(const kv_layer& c, const row_placement& where, std::uint32_t row,
                   std::uint32_t position, std::uint32_t head, std::uint32_t i) {
  const std::int32_t* pages = where.page_tables[where.sequence[row]];
  const auto page = static_cast<std::size_t>(pages[position / c.page_size]);
  const std::uint32_t slot = position % c.page_size;
  return {c.key_at(page, head, slot) + std::size_t{i} * key_strip,
          c.value_at(page, head, slot) + i};
}

float load(const kv_layer& c, const std::byte* base, std::size_t at) {
  if (c.type == kv_type::f32) return reinterpret_cast<const float*>(base)[at];
  return from_f16(reinterpret_cast<const std::uint16_t*>(base)[at]);
}

void store(const kv_layer& c, std::byte* base, std::size_t at, float value) {
  if (c.type == kv_type::f32)
    reinterpret_cast<float*>(base)[at] = value;
  else
    reinterpret_cast<std::uint16_t*>(base)[at] = to_f16(value);
}

void normalise(float* x, const float* weight, std::uint32_t dim, float eps) {
  rms_norm_params p;
  p.x = x;
  p.weight = weight;
  p.out = {x, nullptr, dim};
  p.eps = eps;
  p.rows = 1;
  p.cols = dim;
  rms_norm(p);
}

void rotate(float* x, const float* table, std::uint32_t half, rope_pairing pairing) {
  for (std::uint32_t i = 0; i < half; ++i) {
    float& a = pairing == rope_pairing::halves ? x[i] : x[2 * i];
    float& b = pairing == rope_pairing::halves ? x[half + i] : x[2 * i + 1];
    const float first = a * table[i] - b * table[half + i];
    b = b * table[i] + a * table[half + i];
    a = first;
  }
}

}  // namespace

void rope_table(const rope_table_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r) {
    float* row = p.table + std::size_t{r} * 2 * p.half;
    for (std::uint32_t i = 0; i < p.half; ++i) {
      const float angle = static_cast<float>(p.position[r]) * p.inv_freq[i];
      row[i] = static_cast<float>(std::cos(double{angle})) * p.scale;
      row[p.half + i] = static_cast<float>(std::sin(double{angle})) * p.scale;
    }
  }
}

void rope_and_store(const rope_and_store_params& p) {
  const std::uint32_t dim = p.cache.head_dim;
  for (std::uint32_t r = 0; r < p.where.rows; ++r) {
    float* q = p.qkv + std::size_t{r} * (p.heads + 2 * p.cache.kv_heads) * dim;
    const float* table = p.table + std::size_t{r} * 2 * p.half;
    for (std::uint32_t h = 0; h < p.heads + p.cache.kv_heads; ++h) {
      const float* norm = h < p.heads ? p.q_norm : p.k_norm;
      if (norm != nullptr) normalise(q + h * dim, norm, dim, p.eps);
      rotate(q + h * dim, table, p.half, p.pairing);
    }
    const float* k = q + p.heads * dim;
    const float* v = k + p.cache.kv_heads * dim;
    for (std::uint32_t h = 0; h < p.cache.kv_heads; ++h) {
      const auto position = static_cast<std::uint32_t>(p.where.position[r]);
      for (std::uint32_t i = 0; i < dim; ++i) {
        const element at = element_at(p.cache, p.where, r, position, h, i);
        store(p.cache, p.cache.keys, at.key, k[h * dim + i]);
        store(p.cache, p.cache.values, at.value, v[h * dim + i]);
      }
    }
  }
}

void attention(const attention_params& p) {
  const kv_layer& c = p.cache;
  const std::uint32_t dim = c.head_dim;
  for (std::uint32_t r = 0; r < p.where.rows; ++r) {
    const auto positions = static_cast<std::uint32_t>(p.where.position[r]) + 1;
    std::vector<float> out(std::size_t{p.heads} * dim);
    for (std::uint32_t h = 0; h < p.heads; ++h) {
      const float* q = p.qkv + (std::size_t{r} * (p.heads + 2 * c.kv_heads) + h) * dim;
      const std::uint32_t kv = h / (p.heads / c.kv_heads);
      std::vector<double> odds(positions);
      for (std::uint32_t t = 0; t < positions; ++t) {
        for (std::uint32_t i = 0; i < dim; ++i)
          odds[t] +=
              double{q[i]} * double{load(c, c.keys, element_at(c, p.where, r, t, kv, i).key)};
        odds[t] *= double{p.scale};
      }
      const double peak = *std::max_element(odds.begin(), odds.end());
      double all = 0;
      for (double& o : odds) all += o = std::exp(o - peak);
      for (std::uint32_t i = 0; i < dim; ++i) {
        double total = 0;
        for (std::uint32_t t = 0; t < positions; ++t)
          total += odds[t] * double{load(c, c.values, element_at(c, p.where, r, t, kv, i).value)};
        out[h * dim + i] = static_cast<float>(total / all);
      }
    }
    write_activation(out, r, p.out);
  }
}

}  // namespace troupe::kernels::reference
