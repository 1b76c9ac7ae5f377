// Block-quantised weights in file order as small integers, compiled once per instruction set. Each
// type says how to read a group of 32 columns of as many rows as a vector has lanes: as 8 vectors
// whose lane n holds columns 4i .. 4i + 3 of row n as bytes (vector i).
#if defined(TROUPE_UNPACK_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_UNPACK_INL
#undef TROUPE_UNPACK_INL
#else
#define TROUPE_UNPACK_INL
#endif

#include "kernels/api/matrix.hpp"
#include "kernels/cpu/simd/intrinsics-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// How a group's bytes and its two scales a, b make weights.
enum class group_kind : std::uint8_t {
  with_min,   ///< w = a * q + b
  symmetric,  ///< w = a * q
  halves,     ///< w = (a in columns 0..15, b in 16..31) * q
};

HWY_INLINE ints low_nibbles(ints v) { return hn::And(v, hn::Set(int_tag(), 0x0f0f0f0f)); }

HWY_INLINE void load_nibbles(const std::byte* const* rows, std::size_t at, ints* w) {
  load_words(rows, at, w);
  for (int i = 0; i < 4; ++i) {
    w[4 + i] = low_nibbles(hn::ShiftRight<4>(w[i]));
    w[i] = low_nibbles(w[i]);
  }
}

struct q4_0_weights {
  static constexpr group_kind kind = group_kind::with_min;
  static HWY_INLINE void load(const std::byte* const* rows, std::size_t g, ints* w) {
    load_nibbles(rows, g * 18 + 2, w);
  }
};

struct q4_1_weights {
  static constexpr group_kind kind = group_kind::with_min;
  static HWY_INLINE void load(const std::byte* const* rows, std::size_t g, ints* w) {
    load_nibbles(rows, g * 20 + 4, w);
  }
};

struct q8_0_weights {
  static constexpr group_kind kind = group_kind::symmetric;
  static HWY_INLINE void load(const std::byte* const* rows, std::size_t g, ints* w) {
    load_words(rows, g * 34 + 2, w);
    load_words(rows, g * 34 + 18, w + 4);
  }
};

struct q4_k_weights {
  static constexpr group_kind kind = group_kind::with_min;
  static HWY_INLINE void load(const std::byte* const* rows, std::size_t g, ints* w) {
    const std::size_t at = g / 8 * 144 + 16 + g % 8 / 2 * 32;
    const int shift = g % 2 == 0 ? 0 : 4;
    load_words(rows, at, w);
    load_words(rows, at + 16, w + 4);
    for (int i = 0; i < 8; ++i) w[i] = low_nibbles(hn::ShiftRightSame(w[i], shift));
  }
};

struct q6_k_weights {
  static constexpr group_kind kind = group_kind::halves;
  static HWY_INLINE void load(const std::byte* const* rows, std::size_t g, ints* w) {
    const std::size_t block = g / 8 * 210;
    const std::size_t low = block + g % 8 / 4 * 64 + g % 2 * 32;
    const std::size_t high = block + 128 + g % 8 / 4 * 32;
    const int low_shift = g % 4 / 2 * 4;
    const int high_shift = static_cast<int>(g % 4) * 2;
    ints top[8];
    load_words(rows, low, w);
    load_words(rows, low + 16, w + 4);
    load_words(rows, high, top);
    load_words(rows, high + 16, top + 4);
    const ints two_bits = hn::Set(int_tag(), 0x03030303);
    for (int i = 0; i < 8; ++i) {
      const ints bits = hn::And(hn::ShiftRightSame(top[i], high_shift), two_bits);
      w[i] = hn::Or(low_nibbles(hn::ShiftRightSame(w[i], low_shift)), hn::ShiftLeft<4>(bits));
    }
  }
};

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
