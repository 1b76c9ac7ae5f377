#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/product_q8.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/simd/packed-inl.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

// A product of two rows: for each group of 32 columns in ascending order, the exact integer
// product, then total = fma(integer, scale_w * scale_x, total) and, where the type has minima,
// total = fma(min_w, scaled_sum_x, total). A type with a scale for 16 columns does so for each half
// group. Lanes stand for weight rows, so that order holds for any number of activation rows and on
// every instruction set with fused multiply-adds.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Activation rows whose sums are kept in registers together.
constexpr std::uint32_t block_rows = many_registers ? 8 : 4;

/// Two columns in every lane.
HWY_INLINE ints two_values(const q8_block& x, std::size_t i) {
  return hn::Set(int_tag(), load_scalar<std::int32_t>(x.values + 2 * i));
}

/// `Vectors` vectors of weight rows that are multiplied together, and where their products go.
template <std::size_t Vectors>
struct operands {
  const std::byte* tile[Vectors];
  std::size_t lane[Vectors];  ///< the vector's first row in its tile
  float* out[Vectors];        ///< [rows, 16]
  std::uint32_t cols;
  /// Bytes from a group to the one that will be wanted next at this place.
  std::size_t ahead;
};

/// A group of weights as 16-bit integers.
template <std::size_t Vectors>
struct group {
  ints w[16][Vectors];
  floats a[Vectors];
  floats b[Vectors];
};

/// Running sums, or products, of vectors of weight rows and rows of activations.
template <std::size_t Vectors, std::uint32_t Rows>
struct sums {
  floats of[Rows][Vectors];
};

/// Loads the group at `at`, whose block begins at `header`.
template <class Packed, std::size_t Vectors>
HWY_INLINE void load(const operands<Vectors>& o, std::size_t header, std::size_t at,
                     group<Vectors>& g) {
  for (std::size_t v = 0; v < Vectors; ++v) {
    const std::byte* from = o.tile[v] + at;
    if (o.lane[v] == 0)
      for (std::size_t line = 0; line < Packed::format.group_bytes(); line += 64)
        __builtin_prefetch(from + o.ahead + line);
    ints w[16];
    Packed::load(from, o.lane[v], w);
    for (std::size_t i = 0; i < 16; ++i) g.w[i][v] = w[i];
    Packed::scales(o.tile[v] + header, from + Packed::format.quant_bytes, o.lane[v], g.a[v],
                   g.b[v]);
  }
}

/// The exact integer products of words [first, last) of a group, as floats.
template <std::size_t Vectors, std::uint32_t Rows>
HWY_INLINE sums<Vectors, Rows> integer_products(const group<Vectors>& g, const q8_block* const* x,
                                                std::size_t first, std::size_t last) {
  // A product takes about four cycles: few sums are made of several chains each.
  constexpr std::size_t chains = Rows * Vectors >= 4 ? 1 : 4 / (Rows * Vectors);
  ints total[chains][Rows][Vectors];
  for (auto& chain : total)
    for (auto& row : chain)
      for (ints& sum : row) sum = hn::Zero(int_tag());
#pragma GCC unroll 16
  for (std::size_t i = first; i < last; ++i) {
    ints w[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) {
      w[v] = g.w[i][v];
      if constexpr (Rows > 1) settle(w[v]);
    }
#pragma GCC unroll 8
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const ints values = two_values(*x[r], i);
      for (std::size_t v = 0; v < Vectors; ++v) {
        ints& sum = total[i % chains][r][v];
        sum = dot2(sum, w[v], values);
        settle(sum);
      }
    }
  }
  sums<Vectors, Rows> out;
  for (std::uint32_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      ints whole = total[0][r][v];
      for (std::size_t c = 1; c < chains; ++c) whole = hn::Add(whole, total[c][r][v]);
      out.of[r][v] = hn::ConvertTo(float_tag(), whole);
    }
  }
  return out;
}

/// Adds a group's share to the sums of `Rows` rows.
template <group_kind Kind, std::size_t Vectors, std::uint32_t Rows>
HWY_INLINE void add_group(const group<Vectors>& g, const q8_block* const* x,
                          sums<Vectors, Rows>& total) {
  const float_tag d;
  const auto add_products = [&](const floats* scale, std::size_t first, std::size_t last) HWY_ATTR {
    const auto product = integer_products<Vectors, Rows>(g, x, first, last);
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const floats x_scale = hn::Set(d, x[r]->scale);
      for (std::size_t v = 0; v < Vectors; ++v) {
        floats& sum = total.of[r][v];
        sum = hn::MulAdd(product.of[r][v], hn::Mul(scale[v], x_scale), sum);
      }
    }
  };
  if constexpr (Kind == group_kind::halves) {
    add_products(g.a, 0, 8);
    add_products(g.b, 8, 16);
    return;
  }
  add_products(g.a, 0, 16);
  if constexpr (Kind == group_kind::with_min) {
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const floats x_sum = hn::Set(d, x[r]->sum);
      for (std::size_t v = 0; v < Vectors; ++v)
        total.of[r][v] = hn::MulAdd(g.b[v], x_sum, total.of[r][v]);
    }
  }
}

/// Calls `body` with where each group's block begins, where it begins itself, and its number.
template <class Packed, class Body>
HWY_INLINE void for_each_group(std::uint32_t cols, const Body& body) {
  constexpr packed_format format = Packed::format;
  std::size_t at = 0;
  for (std::size_t i = 0; i < cols / q8_group;) {
    const std::size_t header = at;
    at += format.header_bytes;
    for (std::uint32_t j = 0; j < format.groups; ++j, ++i, at += format.group_bytes())
      body(header, at, i);
  }
}

HWY_INLINE const q8_block* blocks(const std::byte* row) {
  return reinterpret_cast<const q8_block*>(row);
}

/// One row, all in registers.
template <class Packed, std::size_t Vectors>
HWY_INLINE void one_row(const operands<Vectors>& o, const std::byte* row) {
  sums<Vectors, 1> total;
  for (floats& sum : total.of[0]) sum = hn::Zero(float_tag());
  for_each_group<Packed>(o.cols, [&](std::size_t header, std::size_t at, std::size_t i) HWY_ATTR {
    group<Vectors> g;
    load<Packed>(o, header, at, g);
    const q8_block* x = blocks(row) + i;
    add_group<Packed::source::kind>(g, &x, total);
  });
  for (std::size_t v = 0; v < Vectors; ++v)
    hn::StoreU(total.of[0][v], float_tag(), o.out[v] + o.lane[v]);
}

/// Adds a group's share to rows [first, first + Rows) of the products, which lie in memory.
template <group_kind Kind, std::uint32_t Rows, std::size_t Vectors>
HWY_INLINE void add_rows(const operands<Vectors>& o, const group<Vectors>& g,
                         const std::byte* const* x, std::size_t first, std::size_t i) {
  const q8_block* some[Rows];
  for (std::uint32_t r = 0; r < Rows; ++r) some[r] = blocks(x[first + r]) + i;
  float* to[Vectors];
  for (std::size_t v = 0; v < Vectors; ++v) to[v] = o.out[v] + first * tile_rows + o.lane[v];
  const auto out = [&](std::size_t r, std::size_t v) HWY_ATTR { return to[v] + r * tile_rows; };
  sums<Vectors, Rows> total;
  for (std::uint32_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < Vectors; ++v) total.of[r][v] = hn::LoadU(float_tag(), out(r, v));
  add_group<Kind>(g, some, total);
  for (std::uint32_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < Vectors; ++v) hn::StoreU(total.of[r][v], float_tag(), out(r, v));
}

/// `count` rows: a group's weights are opened once for all of them.
template <class Packed, std::size_t Vectors>
HWY_INLINE void many_rows(const operands<Vectors>& o, const std::byte* const* x,
                          std::uint32_t count) {
  constexpr group_kind kind = Packed::source::kind;
  for (std::uint32_t r = 0; r < count; ++r)
    for (std::size_t v = 0; v < Vectors; ++v)
      hn::StoreU(hn::Zero(float_tag()), float_tag(),
                 o.out[v] + std::size_t{r} * tile_rows + o.lane[v]);
  for_each_group<Packed>(o.cols, [&](std::size_t header, std::size_t at, std::size_t i) HWY_ATTR {
    group<Vectors> g;
    load<Packed>(o, header, at, g);
    settle_in_memory(g);
    std::size_t r = 0;
    for (; r + block_rows <= count; r += block_rows) add_rows<kind, block_rows>(o, g, x, r, i);
    if constexpr (block_rows > 4) {
      if (r + 4 <= count) {
        add_rows<kind, 4>(o, g, x, r, i);
        r += 4;
      }
    }
    if (r + 2 <= count) {
      add_rows<kind, 2>(o, g, x, r, i);
      r += 2;
    }
    if (r < count) add_rows<kind, 1>(o, g, x, r, i);
  });
}

template <class Packed, std::size_t Vectors>
HWY_INLINE void product(const operands<Vectors>& o, const std::byte* const* x,
                        std::uint32_t count) {
  if (count == 1)
    one_row<Packed>(o, x[0]);
  else
    many_rows<Packed>(o, x, count);
}

}  // namespace

void multiply_q8(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  with_packed(t.w->type, [&](auto packed) HWY_ATTR {
    using packed_type = decltype(packed);
    const std::uint32_t cols = t.w->cols;
    const std::size_t ahead = packed_type::format.tile_bytes(cols);
    if constexpr (lanes == tile_rows) {
      product<packed_type, 1>({{t.packed}, {0}, {out}, cols, ahead}, x, count);
    } else {
      for (std::size_t lane = 0; lane < tile_rows; lane += 2 * lanes)
        product<packed_type, 2>(
            {{t.packed, t.packed}, {lane, lane + lanes}, {out, out}, cols, ahead}, x, count);
    }
  });
}

void multiply_two_q8(const tile& a, const tile& b, const std::byte* const* x, std::uint32_t count,
                     float* out_a, float* out_b) {
  if constexpr (many_registers) {
    with_packed(a.w->type, [&](auto packed) HWY_ATTR {
      using packed_type = decltype(packed);
      const std::uint32_t cols = a.w->cols;
      product<packed_type, 2>({{a.packed, b.packed},
                               {0, 0},
                               {out_a, out_b},
                               cols,
                               2 * packed_type::format.tile_bytes(cols)},
                              x, count);
    });
  } else {
    multiply_q8(a, x, count, out_a);
    multiply_q8(b, x, count, out_b);
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
