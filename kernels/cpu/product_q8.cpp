#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/product_q8.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/simd/packed-inl.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

// A product of two rows: for each group of 32 columns in ascending order, the exact integer
// product, then total = fma(integer, scale_w * scale_x, total) and, where the type has minima,
// total = fma(min_w, scaled_sum_x, total). Lanes stand for weight rows, so that order holds for any
// number of activation rows and on every instruction set with fused multiply-adds.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Sums added up side by side: a byte product takes about four cycles, so the two chains of one row
/// and tile would leave the units idle.
constexpr std::uint32_t abreast = many_registers ? 4 : 1;

/// Four digits in every lane.
HWY_INLINE ints digits(const std::int8_t* from) {
  return hn::Set(int_tag(), load_scalar<std::int32_t>(from));
}

/// A running sum of weights times digits.
template <class Source>
class byte_sum {
 public:
  /// Adds word `i` of words [first, last).
  HWY_INLINE void add(ints w, ints x, int i, int first, int last) {
    if constexpr (dot4_has_pairs && Source::addable > 1) {
      const int place = (i - first) % Source::addable;
      part_ = place == 0 ? pair_products(w, x) : hn::Add(part_, pair_products(w, x));
      if (place == Source::addable - 1 || i + 1 == last) total_ = hn::Add(total_, widen(part_));
    } else if constexpr (Source::kind == group_kind::symmetric) {
      total_ = dot4_signed(total_, w, x);
    } else {
      total_ = dot4(total_, w, x);
    }
  }
  /// To be called first.
  HWY_INLINE void clear() { total_ = hn::Zero(int_tag()); }
  [[nodiscard]] HWY_INLINE ints total() const { return total_; }

 private:
  // No initialisers: a constructor would be compiled for the lowest instruction set.
  ints total_;
  pairs part_;
};

/// One group of `Tiles` tiles of weights, as vectors.
template <std::uint32_t Tiles>
struct group {
  ints w[Tiles][8];
  floats a[Tiles];
  floats b[Tiles];
};

/// Running sums of `Tiles` tiles times `Rows` rows.
template <std::uint32_t Tiles, std::uint32_t Rows>
struct sums {
  floats of[Tiles][Rows];
};

/// The exact integer products of words [first, last) of a group, as floats.
template <class Source, std::uint32_t Tiles, std::uint32_t Rows>
HWY_INLINE sums<Tiles, Rows> integer_products(const group<Tiles>& g, const q8_block* const* x,
                                              int first, int last) {
  byte_sum<Source> high[Tiles][Rows];
  byte_sum<Source> low[Tiles][Rows];
  for (std::uint32_t t = 0; t < Tiles; ++t) {
    for (std::uint32_t r = 0; r < Rows; ++r) {
      high[t][r].clear();
      low[t][r].clear();
    }
  }
#pragma GCC unroll 8
  for (int i = first; i < last; ++i) {
#pragma GCC unroll 4
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const ints x_high = digits(x[r]->high + 4 * i);
      for (std::uint32_t t = 0; t < Tiles; ++t) high[t][r].add(g.w[t][i], x_high, i, first, last);
      const ints x_low = digits(x[r]->low + 4 * i);
      for (std::uint32_t t = 0; t < Tiles; ++t) low[t][r].add(g.w[t][i], x_low, i, first, last);
    }
  }
  static_assert(q8_base == 255);
  sums<Tiles, Rows> out;
  for (std::uint32_t t = 0; t < Tiles; ++t) {
    for (std::uint32_t r = 0; r < Rows; ++r) {
      const ints big = high[t][r].total();
      const ints whole = hn::Add(hn::Sub(hn::ShiftLeft<8>(big), big), low[t][r].total());
      out.of[t][r] = hn::ConvertTo(float_tag(), whole);
    }
  }
  return out;
}

/// Adds a group's share to the sums of rows [first, first + Block) of `Rows`.
template <class Source, std::uint32_t Block, std::uint32_t Tiles, std::uint32_t Rows>
HWY_INLINE void add_group(const group<Tiles>& g, const q8_block* const* x, std::uint32_t first,
                          sums<Tiles, Rows>& total) {
  const float_tag d;
  const auto add_products = [&](const floats* scale, int from, int to) HWY_ATTR {
    const sums<Tiles, Block> product = integer_products<Source, Tiles, Block>(g, x, from, to);
    for (std::uint32_t r = 0; r < Block; ++r) {
      const floats x_scale = hn::Set(d, x[r]->scale);
      for (std::uint32_t t = 0; t < Tiles; ++t) {
        floats& sum = total.of[t][first + r];
        sum = hn::MulAdd(product.of[t][r], hn::Mul(scale[t], x_scale), sum);
      }
    }
  };
  const auto add = [&](const floats* scale, const auto& factor) HWY_ATTR {
    for (std::uint32_t r = 0; r < Block; ++r) {
      const floats by = hn::Set(d, factor(*x[r]));
      for (std::uint32_t t = 0; t < Tiles; ++t)
        total.of[t][first + r] = hn::MulAdd(scale[t], by, total.of[t][first + r]);
    }
  };
  if constexpr (Source::kind == group_kind::halves) {
    add_products(g.a, 0, 4);
    add(g.a, [](const q8_block& b) HWY_ATTR { return -32.0F * b.first_half; });
    add_products(g.b, 4, 8);
    add(g.b, [](const q8_block& b) HWY_ATTR { return -32.0F * (b.sum - b.first_half); });
  } else {
    add_products(g.a, 0, 8);
    if constexpr (Source::kind == group_kind::with_min)
      add(g.b, [](const q8_block& b) HWY_ATTR { return b.sum; });
  }
}

/// Packed tiles that are multiplied together, and where their products go.
template <std::uint32_t Tiles>
struct operands {
  const std::byte* tile[Tiles];
  float* out[Tiles];  ///< [rows, 16]
  std::uint32_t cols;
  /// Bytes from a group to the one that will be wanted next at this place.
  std::size_t ahead;
};

template <class Packed, std::uint32_t Tiles, std::uint32_t Rows>
HWY_INLINE void product(const operands<Tiles>& o, const std::byte* const* x) {
  constexpr packed_format format = Packed::format;
  constexpr std::uint32_t most = abreast / Tiles == 0 ? 1 : abreast / Tiles;
  constexpr std::uint32_t block = Rows < most ? Rows : most;
  const q8_block* rows[Rows];
  for (std::uint32_t r = 0; r < Rows; ++r) rows[r] = reinterpret_cast<const q8_block*>(x[r]);
  for (std::size_t lane = 0; lane < tile_rows; lane += lanes) {
    sums<Tiles, Rows> total;
    for (std::uint32_t t = 0; t < Tiles; ++t)
      for (std::uint32_t r = 0; r < Rows; ++r) total.of[t][r] = hn::Zero(float_tag());
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < o.cols / q8_group;) {
      const std::size_t header = at;
      at += format.header_bytes;
      for (std::uint32_t j = 0; j < format.groups; ++j, ++i, at += format.group_bytes()) {
        group<Tiles> g;
        for (std::uint32_t t = 0; t < Tiles; ++t) {
          const std::byte* from = o.tile[t] + at;
          if (lane == 0)
            for (std::size_t line = 0; line < format.group_bytes(); line += 64)
              __builtin_prefetch(from + o.ahead + line);
          Packed::load(from, lane, g.w[t]);
          Packed::scales(o.tile[t] + header, from + format.quant_bytes, lane, g.a[t], g.b[t]);
        }
// Left alone, the compiler keeps the sums in memory.
#pragma GCC unroll 8
        for (std::uint32_t r = 0; r < Rows; r += block) {
          const q8_block* some[block];
          for (std::uint32_t k = 0; k < block; ++k) some[k] = rows[r + k] + i;
          add_group<typename Packed::source, block>(g, some, r, total);
        }
      }
    }
    for (std::uint32_t t = 0; t < Tiles; ++t)
      for (std::uint32_t r = 0; r < Rows; ++r)
        hn::StoreU(total.of[t][r], float_tag(), o.out[t] + std::size_t{r} * tile_rows + lane);
  }
}

/// `count` rows in blocks of a power of two.
template <class Packed, std::uint32_t Tiles, std::uint32_t Most>
void products(operands<Tiles> o, const std::byte* const* x, std::uint32_t count) {
  for (; count >= Most; count -= Most, x += Most) {
    product<Packed, Tiles, Most>(o, x);
    for (float*& out : o.out) out += Most * tile_rows;
  }
  if constexpr (Most > 1) {
    if (count != 0) products<Packed, Tiles, Most / 2>(o, x, count);
  }
}

}  // namespace

void multiply_q8(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  with_packed(t.w->type, [&](auto packed) {
    using packed_type = decltype(packed);
    const std::uint32_t cols = t.w->cols;
    products<packed_type, 1, multiply_rows>(
        {{t.packed}, {out}, cols, packed_type::format.tile_bytes(cols)}, x, count);
  });
}

void multiply_two_q8(const tile& a, const tile& b, const std::byte* const* x, std::uint32_t count,
                     float* out_a, float* out_b) {
  if constexpr (many_registers) {
    with_packed(a.w->type, [&](auto packed) {
      using packed_type = decltype(packed);
      const std::uint32_t cols = a.w->cols;
      products<packed_type, 2, multiply_rows>(
          {{a.packed, b.packed}, {out_a, out_b}, cols, 2 * packed_type::format.tile_bytes(cols)}, x,
          count);
    });
  } else {
    multiply_q8(a, x, count, out_a);
    multiply_q8(b, x, count, out_b);
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
