// Vector types and small helpers, compiled once per instruction set.
// Included several times by foreach_target, so it has a toggle instead of #pragma once.
#if defined(TROUPE_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_LANES_INL
#undef TROUPE_LANES_INL
#else
#define TROUPE_LANES_INL
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3_DL
// Highway checks that the machine has AVX-512 VNNI but does not tell the compiler; the rest repeats
// its own list.
#undef HWY_TARGET_STR
#define HWY_TARGET_STR                                                            \
  HWY_TARGET_STR_AVX3                                                             \
  ",vpclmulqdq,avx512vbmi,avx512vbmi2,vaes,avxvnni,avx512bitalg,avx512vpopcntdq," \
  "avx512vnni"
#endif

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using float_tag = hn::CappedTag<float, 16>;
using int_tag = hn::RebindToSigned<float_tag>;
using floats = hn::Vec<float_tag>;
using ints = hn::Vec<int_tag>;

inline constexpr std::size_t lanes = hn::MaxLanes(float_tag());
/// AVX-512 has 32 vector registers, the others 16: how many rows a kernel can hold at once.
inline constexpr bool many_registers = lanes == 16;

template <class T>
HWY_INLINE T load_scalar(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// float32 to float16 bits, to nearest, ties to even.
HWY_INLINE std::uint16_t half_bits(float value) {
  const auto bits = load_scalar<std::uint32_t>(&value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return sign | 0x7e00U;
  if (magnitude >= 0x47800000U) return sign | 0x7c00U;
  if (magnitude < 0x38800000U) {
    // Subnormal: one step of float16 is one step of float32 at 0.5, so adding 0.5 rounds.
    const float moved = load_scalar<float>(&magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (load_scalar<std::uint32_t>(&moved) - 0x3f000000U));
  }
  // Exponent bias 127 to 15, and half a step less one, one more where the last kept bit is odd.
  const std::uint32_t rounded = magnitude - (112U << 23) + 0xfffU + (magnitude >> 13 & 1U);
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

#if HWY_TARGET != HWY_SCALAR
/// Adds the upper half to the lower, down to one 128-bit block.
template <class D, class V = hn::Vec<D>>
HWY_INLINE auto fold(D d, V v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    (void)d;
    return v;
  }
}
#endif

/// out[i] = the sum of all lanes of the i-th vector: one fixed tree of additions, the same for
/// each.
HWY_INLINE void sum4(floats a, floats b, floats c, floats e, float* out) {
#if HWY_TARGET == HWY_SCALAR
  out[0] = hn::GetLane(a);
  out[1] = hn::GetLane(b);
  out[2] = hn::GetLane(c);
  out[3] = hn::GetLane(e);
#else
  const hn::CappedTag<float, 4> d4;
  const float_tag d;
  const auto a4 = fold(d, a);
  const auto b4 = fold(d, b);
  const auto c4 = fold(d, c);
  const auto e4 = fold(d, e);
  const auto ab = hn::Add(hn::InterleaveLower(d4, a4, b4), hn::InterleaveUpper(d4, a4, b4));
  const auto ce = hn::Add(hn::InterleaveLower(d4, c4, e4), hn::InterleaveUpper(d4, c4, e4));
  hn::StoreU(hn::Add(hn::ConcatLowerLower(d4, ce, ab), hn::ConcatUpperUpper(d4, ce, ab)), d4, out);
#endif
}

HWY_INLINE float sum(floats v) { return hn::GetLane(hn::SumOfLanes(float_tag(), v)); }

/// Loads that need no alignment beyond a byte, as weights lie in files as they may.
HWY_INLINE floats load_f32(const std::byte* from) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(float_tag(), load_scalar<float>(from));
#else
  return hn::LoadU(float_tag(), reinterpret_cast<const float*>(from));
#endif
}

HWY_INLINE floats load_f16(const std::byte* from) {
  const float_tag d;
  const hn::Rebind<hwy::float16_t, float_tag> half;
#if HWY_TARGET == HWY_SCALAR
  const hn::RebindToUnsigned<decltype(half)> bits;
  return hn::PromoteTo(d, hn::BitCast(half, hn::Set(bits, load_scalar<std::uint16_t>(from))));
#else
  return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(from)));
#endif
}

/// Stores as float16, to nearest, ties to even.
HWY_INLINE void store_f16(floats v, hwy::float16_t* to) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SSE4
  // Highway's conversion without F16C does not round this way.
  float values[lanes];
  hn::StoreU(v, float_tag(), values);
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::uint16_t bits = half_bits(values[i]);
    std::memcpy(to + i, &bits, sizeof bits);
  }
#else
  const hn::Rebind<hwy::float16_t, float_tag> half;
  hn::StoreU(hn::DemoteTo(half, v), half, to);
#endif
}

HWY_INLINE floats load_bf16(const std::byte* from) {
  const float_tag d;
  const hn::Rebind<std::uint16_t, float_tag> half;
  const hn::RebindToUnsigned<float_tag> wide;
#if HWY_TARGET == HWY_SCALAR
  const auto bits = hn::Set(half, load_scalar<std::uint16_t>(from));
#else
  const auto bits = hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(from));
#endif
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(wide, bits)));
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
