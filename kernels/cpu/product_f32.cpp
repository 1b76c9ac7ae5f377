#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/product_f32.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <type_traits>

#include "hwy/cache_control.h"

#include "kernels/cpu/simd/dequantise-inl.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

// A product of two rows: lane l adds up x[k] w[k] for k = l, l + lanes, ... in that order with
// fused multiply-adds (the last vector filled up with zeros), then sum4's tree adds the lanes.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

constexpr std::uint32_t weight_rows = 4;

struct f32_source {
  static constexpr std::size_t bytes = 4;
  static HWY_INLINE floats load(const std::byte* from) { return load_f32(from); }
};
struct f16_source {
  static constexpr std::size_t bytes = 2;
  static HWY_INLINE floats load(const std::byte* from) { return load_f16(from); }
};
struct bf16_source {
  static constexpr std::size_t bytes = 2;
  static HWY_INLINE floats load(const std::byte* from) { return load_bf16(from); }
};

/// The last, partial vector of a row.
template <class Source>
HWY_INLINE floats load_last(const std::byte* from, std::size_t count) {
  alignas(64) std::byte whole[lanes * sizeof(float)] = {};
  std::memcpy(whole, from, count * Source::bytes);
  return Source::load(whole);
}

/// How far ahead of a single row's arithmetic its weights are fetched: past the end of a page,
/// where the processor's own guesses stop.
constexpr std::size_t fetch_distance = 4096;

/// Fetches what lies `distance` bytes behind column k of a weight row, once for each cache line.
template <class Source>
HWY_INLINE void fetch(const std::byte* row, std::size_t k, std::size_t distance) {
  constexpr std::size_t line = 64;
  if (k * Source::bytes % line == 0) hwy::Prefetch(row + k * Source::bytes + distance);
}

/// out[r * 16 + n] for n below 4. With `Ahead` the next tile's rows are fetched meanwhile.
template <class Source, std::uint32_t Rows, bool Ahead = false>
HWY_INLINE void block(const std::byte* const* w, const std::byte* const* x, std::uint32_t cols,
                      float* out) {
  const float_tag d;
  floats total[Rows][weight_rows];
  for (auto& row : total)
    for (auto& one : row) one = hn::Zero(d);
  const std::size_t whole = cols / lanes * lanes;
  if constexpr (Rows == 1) {
    // One weight row after another: memory is what limits a single row, and it gives more to one
    // long run of reads than to four short ones side by side.
    for (std::uint32_t n = 0; n < weight_rows; ++n) {
      floats sum = hn::Zero(d);
      for (std::size_t k = 0; k < whole; k += lanes) {
        if constexpr (many_registers) fetch<Source>(w[n], k, fetch_distance);
        sum = hn::MulAdd(load_f32(x[0] + k * sizeof(float)), Source::load(w[n] + k * Source::bytes),
                         sum);
      }
      total[0][n] = sum;
    }
  } else {
    for (std::size_t k = 0; k < whole; k += lanes) {
      floats xv[Rows];
      for (std::uint32_t r = 0; r < Rows; ++r) xv[r] = load_f32(x[r] + k * sizeof(float));
      for (std::uint32_t n = 0; n < weight_rows; ++n) {
        if constexpr (Ahead) fetch<Source>(w[n], k, std::size_t{tile_rows} * cols * Source::bytes);
        const floats wv = Source::load(w[n] + k * Source::bytes);
        for (std::uint32_t r = 0; r < Rows; ++r) total[r][n] = hn::MulAdd(xv[r], wv, total[r][n]);
      }
    }
  }
  if (whole < cols) {
    floats wv[weight_rows];
    for (std::uint32_t n = 0; n < weight_rows; ++n)
      wv[n] = load_last<Source>(w[n] + whole * Source::bytes, cols - whole);
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const floats xv = load_last<f32_source>(x[r] + whole * sizeof(float), cols - whole);
      for (std::uint32_t n = 0; n < weight_rows; ++n)
        total[r][n] = hn::MulAdd(xv, wv[n], total[r][n]);
    }
  }
  for (std::uint32_t r = 0; r < Rows; ++r)
    sum4(total[r][0], total[r][1], total[r][2], total[r][3], out + std::size_t{r} * tile_rows);
}

constexpr std::uint32_t block_rows = many_registers ? 6 : 3;

/// All weight rows of a tile against x, a few activation rows at a time: those stay in the nearest
/// cache while the weights go by.
template <class Source>
void all_columns(const std::byte* const* w, const std::byte* const* x, std::uint32_t count,
                 std::uint32_t cols, std::uint32_t rows, float* out) {
  const auto take = [&](std::uint32_t from, auto taken) HWY_ATTR {
    for (std::uint32_t n = 0; n < rows; n += weight_rows)
      if (from == 0)
        block<Source, decltype(taken)::value, true>(w + n, x, cols, out + n);
      else
        block<Source, decltype(taken)::value>(w + n, x + from, cols,
                                              out + std::size_t{from} * tile_rows + n);
    return from + taken;
  };
  // Four rows left are two and two rather than three and a lonely one.
  constexpr std::uint32_t even = block_rows % 2 == 0 ? 0 : block_rows + 1;
  std::uint32_t r = 0;
  while (count - r >= block_rows && count - r != even)
    r = take(r, std::integral_constant<std::uint32_t, block_rows>());
  if constexpr (block_rows > 4)
    while (count - r >= 4) r = take(r, std::integral_constant<std::uint32_t, 4>());
  while (count - r >= 2) r = take(r, std::integral_constant<std::uint32_t, 2>());
  if (r < count) take(r, std::integral_constant<std::uint32_t, 1>());
}

std::uint32_t last_row(const tile& t, std::uint32_t n) {
  return t.first + n < t.w->rows ? t.first + n : t.w->rows - 1;
}

}  // namespace

void prepare_f32(tile& t) {
  if (!t.unpacked) return;
  const std::size_t stride = (std::size_t{t.w->cols} + 15) / 16 * 16;
  auto* rows = reinterpret_cast<float*>(t.store);
  for (std::uint32_t n = 0; n < tile_rows; ++n, rows += stride) {
    dequantise_row(*t.w, last_row(t, n), rows);
    t.rows[n] = reinterpret_cast<const std::byte*>(rows);
  }
}

void multiply_f32(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  const std::uint32_t cols = t.w->cols;
  if (t.unpacked || t.w->type == dtype::f32)
    return all_columns<f32_source>(t.rows, x, count, cols, tile_rows, out);
  if (t.w->type == dtype::f16)
    return all_columns<f16_source>(t.rows, x, count, cols, tile_rows, out);
  if (t.w->type == dtype::bf16)
    return all_columns<bf16_source>(t.rows, x, count, cols, tile_rows, out);
  const std::size_t stride = (std::size_t{cols} + 15) / 16 * 16;
  for (std::uint32_t n = 0; n < tile_rows; n += weight_rows) {
    const std::byte* rows[weight_rows];
    for (std::uint32_t i = 0; i < weight_rows; ++i) {
      dequantise_row(*t.w, last_row(t, n + i), t.spare + i * stride);
      rows[i] = reinterpret_cast<const std::byte*>(t.spare + i * stride);
    }
    all_columns<f32_source>(rows, x, count, cols, weight_rows, out + n);
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
