// Products of float32 rows with blocks of the key and value store, compiled once per instruction
// set.
#if defined(TROUPE_BLOCK_PRODUCT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_BLOCK_PRODUCT_INL
#undef TROUPE_BLOCK_PRODUCT_INL
#else
#define TROUPE_BLOCK_PRODUCT_INL
#endif

#include <type_traits>

#include "hwy/cache_control.h"
#include "kernels/cpu/attention_plan.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

// C[m, n] = sum over k, ascending, of A[m, k] B[k, n]: one fused multiply-add after another for
// each element, however rows and columns are grouped. That order is the same for one row as for
// many, and wants no sum over lanes.

/// Columns are handled in strips of 16: one AVX-512 vector, or several narrower ones.
inline constexpr std::size_t strip = key_strip;
inline constexpr std::size_t strip_vectors = strip / lanes;
/// Rows of C computed at once, and the accumulators that then fit in registers.
inline constexpr std::size_t most_rows = lanes >= 8 ? 6 : lanes == 4 ? 2 : 1;
inline constexpr std::size_t accumulators = many_registers ? 24 : 12;

/// Strips of C computed at once for `rows` rows, at most four.
constexpr std::size_t strips_for(std::size_t rows) {
  const std::size_t fit = accumulators / (rows * strip_vectors);
  return fit < 1 ? 1 : fit > 4 ? 4 : fit;
}
inline constexpr std::size_t panel_strips = strips_for(most_rows);
/// Terms of the sum for which a panel of B is converted at once.
inline constexpr std::uint32_t panel_depth = attention_panel_floats / (panel_strips * strip);

/// How elements of the store become float32.
struct f16_cache {
  static constexpr std::size_t bytes = 2;
  static HWY_INLINE floats load(const std::byte* from) { return load_f16(from); }
};
struct f32_cache {
  static constexpr std::size_t bytes = 4;
  static HWY_INLINE floats load(const std::byte* from) { return load_f32(from); }
};

/// Strips of 16 elements in a cache line.
template <class Cache>
inline constexpr std::size_t line_strips = 64 / (strip * Cache::bytes);

// Pages lie anywhere, so the processor cannot guess what is read next; it is fetched while what
// came before it is in use.

/// How far ahead: strips of keys, and rows of values, behind the last that a block's arrays name
/// for this alone.
inline constexpr std::size_t fetch_strips = 4;
inline constexpr std::size_t fetch_rows = fetch_strips * strip;

/// Keys as B: k is an element of the head, n a position of the block.
template <class Cache>
struct key_block {
  using cache = Cache;
  const std::byte* const* strips;  // each 16 positions

  HWY_INLINE const std::byte* at(std::size_t k, std::size_t s) const {
    return strips[s] + k * strip * Cache::bytes;
  }
  static constexpr std::size_t width(std::size_t) { return strip; }
  /// Fetches term k of the strips after `Strips` from strip `first`.
  template <std::size_t Strips>
  HWY_INLINE void fetch(std::size_t k, std::size_t first) const {
    if (k % line_strips<Cache> != 0) return;
    for (std::size_t s = first + Strips; s < first + 2 * Strips; ++s) hwy::Prefetch(at(k, s));
  }
};

/// Values as B: k is a position of the block, n an element of the head.
template <class Cache>
struct value_block {
  using cache = Cache;
  const std::byte* const* rows;
  std::size_t head_dim;

  HWY_INLINE const std::byte* at(std::size_t k, std::size_t s) const {
    return rows[k] + s * strip * Cache::bytes;
  }
  /// Columns of strip s that exist.
  HWY_INLINE std::size_t width(std::size_t s) const {
    return head_dim - s * strip < strip ? head_dim - s * strip : strip;
  }
  /// Fetches the term `fetch_rows` after k of `Strips` strips from `first`.
  template <std::size_t Strips>
  HWY_INLINE void fetch(std::size_t k, std::size_t first) const {
    for (std::size_t s = first; s < first + Strips; s += line_strips<Cache>)
      hwy::Prefetch(at(k + fetch_rows, s));
  }
};

/// A converted part of B: `Strips` strips side by side.
template <std::size_t Strips>
struct panel {
  const float* data;
  HWY_INLINE floats load(std::size_t k, std::size_t s, std::size_t v) const {
    return hn::LoadU(float_tag(), data + (k * Strips + s) * strip + v * lanes);
  }
  template <std::size_t>
  HWY_INLINE void fetch(std::size_t) const {}
};

/// A part of B as it lies in the store, from strip `first` on.
template <class Block>
struct in_place {
  Block b;
  std::size_t first;
  HWY_INLINE floats load(std::size_t k, std::size_t s, std::size_t v) const {
    using cache = typename Block::cache;
    return cache::load(b.at(k, first + s) + v * lanes * cache::bytes);
  }
  template <std::size_t Strips>
  HWY_INLINE void fetch(std::size_t k) const {
    b.template fetch<Strips>(k, first);
  }
};

/// The rows of A and C.
struct operands {
  const float* a;
  std::size_t a_step;
  float* c;
  std::size_t c_step;
};

/// Rows m .. m + Rows of C, `Strips` strips from column `column` on; terms from .. to. Continues
/// the sum that C holds unless `from` is 0. B counts its terms from `from`.
template <std::size_t Rows, std::size_t Strips, class B>
HWY_INLINE void multiply(const operands& o, std::size_t m, std::size_t column, std::uint32_t from,
                         std::uint32_t to, const B& b) {
  constexpr std::size_t vectors = Strips * strip_vectors;
  const float_tag d;
  float* const c = o.c + m * o.c_step + column;
  const float* const a = o.a + m * o.a_step + from;
  floats total[Rows][vectors];
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < vectors; ++v)
      total[r][v] = from == 0 ? hn::Zero(d) : hn::LoadU(d, c + r * o.c_step + v * lanes);
  const std::size_t terms = to - from;
  for (std::size_t k = 0; k < terms; ++k) {
    b.template fetch<Strips>(k);
    floats w[vectors];
    for (std::size_t v = 0; v < vectors; ++v)
      w[v] = b.load(k, v / strip_vectors, v % strip_vectors);
    for (std::size_t r = 0; r < Rows; ++r) {
      const floats x = hn::Set(d, a[r * o.a_step + k]);
      for (std::size_t v = 0; v < vectors; ++v) total[r][v] = hn::MulAdd(x, w[v], total[r][v]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r)
    for (std::size_t v = 0; v < vectors; ++v)
      hn::StoreU(total[r][v], d, c + r * o.c_step + v * lanes);
}

/// Calls run(count, first) where `count` is a constant of at most `Most`.
template <std::size_t Most, class Run>
HWY_INLINE void with_constant(std::uint32_t count, std::uint32_t first, const Run& run) {
  if (count == Most) return run(std::integral_constant<std::size_t, Most>(), first);
  if constexpr (Most > 1) with_constant<Most - 1>(count, first, run);
}

/// Calls run(count of rows, first row) for rows from .. to, as many together as fit; the last two
/// groups are about as long as each other, since short ones wait for their own sums.
template <class Run>
HWY_INLINE void row_groups(std::uint32_t from, std::uint32_t to, const Run& run) {
  for (; to - from >= 2 * most_rows; from += most_rows)
    run(std::integral_constant<std::size_t, most_rows>(), from);
  if (to - from > most_rows) {
    const std::uint32_t half = (to - from + 1) / 2;
    with_constant<most_rows>(half, from, run);
    from += half;
  }
  if (from < to) with_constant<most_rows>(to - from, from, run);
}

/// Converts `Strips` strips of B, terms from .. to, to a panel; columns that do not exist are 0.
template <std::size_t Strips, class Block>
HWY_INLINE void convert_panel(const Block& b, std::size_t first, std::uint32_t from,
                              std::uint32_t to, float* out) {
  using cache = typename Block::cache;
  const float_tag d;
  const std::size_t last_width = b.width(first + Strips - 1);
  for (std::uint32_t k = from; k < to; ++k, out += Strips * strip) {
    b.template fetch<Strips>(k, first);
    for (std::size_t s = 0; s < Strips; ++s) {
      const std::byte* at = b.at(k, first + s);
      alignas(64) std::byte part[strip * cache::bytes];
      if (s + 1 == Strips && last_width < strip) {
        std::memset(part, 0, sizeof part);
        std::memcpy(part, at, last_width * cache::bytes);
        at = part;
      }
      for (std::size_t v = 0; v < strip; v += lanes)
        hn::StoreU(cache::load(at + v * cache::bytes), d, out + s * strip + v);
    }
  }
}

/// Few rows: B is read once as it lies, for all of them.
template <class Block>
HWY_INLINE void multiply_in_place(const operands& o, std::uint32_t rows_from, std::uint32_t rows_to,
                                  const Block& b, std::size_t strips, std::uint32_t depth) {
  row_groups(rows_from, rows_to, [&](auto count, std::uint32_t m) HWY_ATTR {
    constexpr std::size_t together = strips_for(count());
    std::size_t s = 0;
    for (; s + together <= strips; s += together)
      multiply<count(), together>(o, m, s * strip, 0, depth, in_place<Block>{b, s});
    for (; s < strips; ++s) multiply<count(), 1>(o, m, s * strip, 0, depth, in_place<Block>{b, s});
  });
}

/// Many rows: B is converted a panel at a time, each for all rows. `first_row(strip, term)` says
/// from which row on C has that strip and that term at all, `terms(row)` how many terms a row has.
template <std::size_t Strips, class Block, class FirstRow, class Terms>
HWY_INLINE void multiply_panels(const operands& o, std::uint32_t rows, const Block& b,
                                std::size_t first, std::size_t last, std::uint32_t depth,
                                const FirstRow& first_row, const Terms& terms, float* room) {
  for (; first + Strips <= last; first += Strips) {
    for (std::uint32_t from = 0; from < depth; from += panel_depth) {
      const std::uint32_t to = depth - from < panel_depth ? depth : from + panel_depth;
      convert_panel<Strips>(b, first, from, to, room);
      row_groups(first_row(first, from), rows, [&](auto count, std::uint32_t m) HWY_ATTR {
        const std::uint32_t most = terms(m + static_cast<std::uint32_t>(count()) - 1);
        multiply<count(), Strips>(o, m, first * strip, from, most < to ? most : to,
                                  panel<Strips>{room});
      });
    }
  }
  if constexpr (Strips > 1) {
    if (first < last) multiply_panels<1>(o, rows, b, first, last, depth, first_row, terms, room);
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
