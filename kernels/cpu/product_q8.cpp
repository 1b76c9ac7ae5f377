#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/product_q8.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/simd/unpack-inl.hpp"

// A product of two rows: for each group of 32 columns in ascending order, the exact integer
// product, then total = fma(integer, scale_w * scale_x, total) and, where the type has minima,
// total = fma(min_w, scaled_sum_x, total). Lanes stand for weight rows, so that order holds in
// every variant and on every instruction set with fused multiply-adds.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Scales and unpacked bytes as they lie in tile::store.
struct view {
  const float* a;
  const float* b;
  const std::byte* bytes;
};

view look(const tile& t) {
  const std::size_t scales = std::size_t{t.w->cols} / q8_group * tile_rows;
  const auto* a = reinterpret_cast<const float*>(t.store);
  return {a, a + scales, t.store + 2 * scales * sizeof(float)};
}

/// Unpacked bytes of a group: 8 words of each of the 16 rows, row index fastest.
constexpr std::size_t unpacked_group = q8_group * tile_rows;

template <class Weights>
struct packed_source {
  static constexpr group_kind kind = Weights::kind;
  static HWY_INLINE void load(const tile& t, const view&, std::uint32_t g, std::size_t lane,
                              ints* w) {
    Weights::load(t.rows + lane, g, w);
  }
};

template <group_kind Kind>
struct unpacked_source {
  static constexpr group_kind kind = Kind;
  static HWY_INLINE void load(const tile&, const view& v, std::uint32_t g, std::size_t lane,
                              ints* w) {
    const auto* from = reinterpret_cast<const std::int32_t*>(v.bytes + g * unpacked_group) + lane;
    for (std::size_t i = 0; i < 8; ++i) w[i] = hn::LoadU(int_tag(), from + i * tile_rows);
  }
};

/// Four digits in every lane.
HWY_INLINE ints digits(const std::int8_t* from) {
  return hn::Set(int_tag(), load_scalar<std::int32_t>(from));
}

/// The exact integer product of words [first, last) of a group, as a float.
template <group_kind Kind>
HWY_INLINE floats integer_product(const ints* w, const q8_block& x, int first, int last) {
  ints high = hn::Zero(int_tag());
  ints low = hn::Zero(int_tag());
  for (int i = first; i < last; ++i) {
    if constexpr (Kind == group_kind::symmetric) {
      high = dot4_signed(high, w[i], digits(x.high + 4 * i));
      low = dot4_signed(low, w[i], digits(x.low + 4 * i));
    } else {
      high = dot4(high, w[i], digits(x.high + 4 * i));
      low = dot4(low, w[i], digits(x.low + 4 * i));
    }
  }
  static_assert(q8_base == 255);
  const ints whole = hn::Add(hn::Sub(hn::ShiftLeft<8>(high), high), low);
  return hn::ConvertTo(float_tag(), whole);
}

template <group_kind Kind>
HWY_INLINE floats add_group(floats total, const ints* w, floats a, floats b, const q8_block& x) {
  const float_tag d;
  const floats scale = hn::Set(d, x.scale);
  if constexpr (Kind == group_kind::halves) {
    total = hn::MulAdd(integer_product<Kind>(w, x, 0, 4), hn::Mul(a, scale), total);
    total = hn::MulAdd(a, hn::Set(d, -32.0F * x.first_half), total);
    total = hn::MulAdd(integer_product<Kind>(w, x, 4, 8), hn::Mul(b, scale), total);
    return hn::MulAdd(b, hn::Set(d, -32.0F * (x.sum - x.first_half)), total);
  } else {
    total = hn::MulAdd(integer_product<Kind>(w, x, 0, 8), hn::Mul(a, scale), total);
    if constexpr (Kind == group_kind::with_min) total = hn::MulAdd(b, hn::Set(d, x.sum), total);
    return total;
  }
}

template <class Source, std::uint32_t Rows>
HWY_INLINE void product(const tile& t, const std::byte* const* x, float* out) {
  const float_tag d;
  const view v = look(t);
  const std::uint32_t groups = t.w->cols / q8_group;
  const q8_block* rows[Rows];
  for (std::uint32_t r = 0; r < Rows; ++r) rows[r] = reinterpret_cast<const q8_block*>(x[r]);
  for (std::size_t lane = 0; lane < tile_rows; lane += lanes) {
    floats total[Rows];
    for (auto& one : total) one = hn::Zero(d);
    for (std::uint32_t g = 0; g < groups; ++g) {
      ints w[8];
      Source::load(t, v, g, lane, w);
      const floats a = hn::LoadU(d, v.a + std::size_t{g} * tile_rows + lane);
      const floats b = hn::LoadU(d, v.b + std::size_t{g} * tile_rows + lane);
// Left alone, the compiler keeps the sums in memory.
#pragma GCC unroll 8
      for (std::uint32_t r = 0; r < Rows; ++r)
        total[r] = add_group<Source::kind>(total[r], w, a, b, rows[r][g]);
    }
    for (std::uint32_t r = 0; r < Rows; ++r)
      hn::StoreU(total[r], d, out + std::size_t{r} * tile_rows + lane);
  }
}

/// `count` rows in blocks of a power of two.
template <class Source, std::uint32_t Most>
void products(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  for (; count >= Most; count -= Most, x += Most, out += Most * tile_rows)
    product<Source, Most>(t, x, out);
  if constexpr (Most > 1) {
    if (count != 0) products<Source, Most / 2>(t, x, count, out);
  }
}

template <class Weights>
void unpack(tile& t) {
  float* a = reinterpret_cast<float*>(t.store);
  const std::uint32_t groups = t.w->cols / q8_group;
  float* b = a + std::size_t{groups} * tile_rows;
  Weights::scales(t, a, b);
  if (!t.unpacked) return;
  auto* to = reinterpret_cast<std::int32_t*>(b + std::size_t{groups} * tile_rows);
  for (std::uint32_t g = 0; g < groups; ++g, to += unpacked_group / 4) {
    for (std::size_t lane = 0; lane < tile_rows; lane += lanes) {
      ints w[8];
      Weights::load(t.rows + lane, g, w);
      for (std::size_t i = 0; i < 8; ++i) hn::StoreU(w[i], int_tag(), to + i * tile_rows + lane);
    }
  }
}

template <class Weights>
void multiply_weights(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  if (t.unpacked)
    products<unpacked_source<Weights::kind>, multiply_rows>(t, x, count, out);
  else
    products<packed_source<Weights>, 4>(t, x, count, out);
}

}  // namespace

void prepare_q8(tile& t) {
  switch (t.w->type) {
    case dtype::q8_0:
      return unpack<q8_0_weights>(t);
    case dtype::q4_0:
      return unpack<q4_0_weights>(t);
    case dtype::q4_1:
      return unpack<q4_1_weights>(t);
    case dtype::q4_k:
      return unpack<q4_k_weights>(t);
    case dtype::q6_k:
      return unpack<q6_k_weights>(t);
    default:
      return;
  }
}

void multiply_q8(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  switch (t.w->type) {
    case dtype::q8_0:
      return multiply_weights<q8_0_weights>(t, x, count, out);
    case dtype::q4_0:
      return multiply_weights<q4_0_weights>(t, x, count, out);
    case dtype::q4_1:
      return multiply_weights<q4_1_weights>(t, x, count, out);
    case dtype::q4_k:
      return multiply_weights<q4_k_weights>(t, x, count, out);
    case dtype::q6_k:
      return multiply_weights<q6_k_weights>(t, x, count, out);
    default:
      return;
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
