// Reading the packed order (kernels/cpu/packed_format.hpp), compiled once per instruction set. Each
// type says how to load a group: 16 vectors whose lane n holds columns 2i and 2i + 1 of row n as
// 16-bit halves (vector i), and its two scales; and how to store one from 8 vectors of bytes as
// unpack-inl.hpp loads them.
#if defined(TROUPE_PACKED_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_PACKED_INL
#undef TROUPE_PACKED_INL
#else
#define TROUPE_PACKED_INL
#endif

#include "kernels/cpu/packed_format.hpp"
#include "kernels/cpu/simd/unpack-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// Where lane `lane` of word `i` lies.
HWY_INLINE ints load_word(const std::byte* quants, std::size_t i, std::size_t lane) {
  return hn::LoadU(int_tag(), reinterpret_cast<const std::int32_t*>(quants) + i * tile_rows + lane);
}
HWY_INLINE void store_word(ints v, std::size_t i, std::size_t lane, std::byte* quants) {
  hn::StoreU(v, int_tag(), reinterpret_cast<std::int32_t*>(quants) + i * tile_rows + lane);
}

/// Sixteen rows' float16 or byte scales, from row `lane` on.
HWY_INLINE floats load_halves(const std::byte* from, std::size_t lane) {
  return load_f16(from + 2 * lane);
}
template <class Byte>
HWY_INLINE floats load_bytes(const std::byte* from, std::size_t lane) {
  const hn::Rebind<Byte, int_tag> bytes;
#if HWY_TARGET == HWY_SCALAR
  const auto raw = hn::Set(bytes, load_scalar<Byte>(from + lane));
#else
  const auto raw = hn::LoadU(bytes, reinterpret_cast<const Byte*>(from + lane));
#endif
  return hn::ConvertTo(float_tag(), hn::PromoteTo(int_tag(), raw));
}

/// Bytes 0 1 2 3 of each lane as 0 2 1 3, so that neighbouring columns are two bytes apart.
HWY_INLINE ints swap_middle(ints v) {
  const int_tag d;
  const ints outer = hn::And(v, hn::Set(d, static_cast<std::int32_t>(0xff0000ffU)));
  const ints second = hn::And(hn::ShiftRight<8>(v), hn::Set(d, 0xff00));
  return hn::Or(outer, hn::Or(second, hn::ShiftLeft<8>(hn::And(v, hn::Set(d, 0xff00)))));
}

HWY_INLINE void load_nibble_words(const std::byte* quants, std::size_t lane, ints* w) {
  const ints nibbles = hn::Set(int_tag(), 0x000f000f);
  for (std::size_t i = 0; i < 4; ++i) {
    const ints all = load_word(quants, i, lane);
    w[2 * i] = hn::And(all, nibbles);
    w[2 * i + 1] = hn::And(hn::ShiftRight<8>(all), nibbles);
    w[2 * i + 8] = hn::And(hn::ShiftRight<4>(all), nibbles);
    w[2 * i + 9] = hn::And(hn::ShiftRight<12>(all), nibbles);
  }
}
HWY_INLINE void store_nibble_words(const ints* w, std::size_t lane, std::byte* quants) {
  for (std::size_t i = 0; i < 4; ++i) {
    const ints both = hn::Or(low_nibbles(w[i]), hn::ShiftLeft<4>(low_nibbles(w[4 + i])));
    store_word(swap_middle(both), i, lane, quants);
  }
}

template <dtype Type>
struct packed_nibbles {
  static constexpr packed_format format = packed_format_of(Type);
  static HWY_INLINE void load(const std::byte* quants, std::size_t lane, ints* w) {
    load_nibble_words(quants, lane, w);
  }
  static HWY_INLINE void store(const ints* w, std::size_t lane, std::byte* quants) {
    store_nibble_words(w, lane, quants);
  }
};

struct packed_q4_0 : packed_nibbles<dtype::q4_0> {
  using source = q4_0_weights;
  static HWY_INLINE void scales(const std::byte*, const std::byte* at, std::size_t lane, floats& a,
                                floats& b) {
    a = load_halves(at, lane);
    b = hn::Mul(a, hn::Set(float_tag(), -8.0F));
  }
};

struct packed_q4_1 : packed_nibbles<dtype::q4_1> {
  using source = q4_1_weights;
  static HWY_INLINE void scales(const std::byte*, const std::byte* at, std::size_t lane, floats& a,
                                floats& b) {
    a = load_halves(at, lane);
    b = load_halves(at + 32, lane);
  }
};

struct packed_q8_0 {
  using source = q8_0_weights;
  static constexpr packed_format format = packed_format_of(dtype::q8_0);
  static HWY_INLINE void load(const std::byte* quants, std::size_t lane, ints* w) {
    for (std::size_t i = 0; i < 8; ++i) {
      const ints all = load_word(quants, i, lane);
      w[2 * i] = even_bytes<0>(all);
      w[2 * i + 1] = odd_bytes<0>(all);
    }
  }
  static HWY_INLINE void store(const ints* w, std::size_t lane, std::byte* quants) {
    for (std::size_t i = 0; i < 8; ++i) store_word(swap_middle(w[i]), i, lane, quants);
  }
  static HWY_INLINE void scales(const std::byte*, const std::byte* at, std::size_t lane, floats& a,
                                floats&) {
    a = load_halves(at, lane);
  }
};

struct packed_q4_k : packed_nibbles<dtype::q4_k> {
  using source = q4_k_weights;
  static HWY_INLINE void scales(const std::byte* header, const std::byte* at, std::size_t lane,
                                floats& a, floats& b) {
    a = hn::Mul(load_halves(header, lane), load_bytes<std::uint8_t>(at, lane));
    b = hn::Neg(hn::Mul(load_halves(header + 32, lane), load_bytes<std::uint8_t>(at + 16, lane)));
  }
};

struct packed_q6_k {
  using source = q6_k_weights;
  static constexpr packed_format format = packed_format_of(dtype::q6_k);
  static HWY_INLINE void load(const std::byte* quants, std::size_t lane, ints* w) {
    // Each byte four times its weight, as a signed one: the shift that spreads the sign divides.
    const ints nibble = hn::Set(int_tag(), 0x3c3c3c3c);
    const ints top = hn::Set(int_tag(), static_cast<std::int32_t>(0xc0c0c0c0U));
    const auto put = [&](std::size_t i, ints nibbles, ints tops) HWY_ATTR {
      const ints all = hn::Or(hn::And(nibbles, nibble), hn::And(tops, top));
      w[2 * i] = even_bytes<2>(all);
      w[2 * i + 1] = odd_bytes<2>(all);
    };
    for (std::size_t i = 0; i < 2; ++i) {
      const ints tops = load_word(quants, 4 + i, lane);
      const ints first = load_word(quants, i, lane);
      const ints third = load_word(quants, i + 2, lane);
      put(i, hn::ShiftLeft<2>(first), hn::ShiftLeft<6>(tops));
      put(i + 2, hn::ShiftLeft<2>(third), hn::ShiftLeft<4>(tops));
      put(i + 4, hn::ShiftRight<2>(first), hn::ShiftLeft<2>(tops));
      put(i + 6, hn::ShiftRight<2>(third), tops);
    }
  }
  static HWY_INLINE void store(const ints* w, std::size_t lane, std::byte* quants) {
    store_nibble_words(w, lane, quants);
    // Weights less 32 in two's complement: the same low bits, the top one turned.
    const auto top = [&](std::size_t i) HWY_ATTR {
      const ints turned = hn::Xor(w[i], hn::Set(int_tag(), 0x20202020));
      return hn::And(turned, hn::Set(int_tag(), 0x30303030));
    };
    for (std::size_t i = 0; i < 2; ++i) {
      const ints low = hn::Or(hn::ShiftRight<4>(top(i)), hn::ShiftRight<2>(top(i + 2)));
      const ints high = hn::Or(top(i + 4), hn::ShiftLeft<2>(top(i + 6)));
      store_word(swap_middle(hn::Or(low, high)), 4 + i, lane, quants);
    }
  }
  static HWY_INLINE void scales(const std::byte* header, const std::byte* at, std::size_t lane,
                                floats& a, floats& b) {
    const floats d = load_halves(header, lane);
    a = hn::Mul(d, load_bytes<std::int8_t>(at, lane));
    b = hn::Mul(d, load_bytes<std::int8_t>(at + 16, lane));
  }
};

/// Calls `visit` with the packed order of an integer-quantised type.
template <class Visit>
HWY_INLINE void with_packed(dtype type, const Visit& visit) {
  switch (type) {
    case dtype::q8_0:
      return visit(packed_q8_0());
    case dtype::q4_0:
      return visit(packed_q4_0());
    case dtype::q4_1:
      return visit(packed_q4_1());
    case dtype::q4_k:
      return visit(packed_q4_k());
    case dtype::q6_k:
      return visit(packed_q6_k());
    default:
      return;
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
