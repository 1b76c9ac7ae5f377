// The one place with intrinsics that Highway 1.0.3 lacks: sums of neighbouring products, and
// gathering 16-byte pieces of several rows into one vector. Compiled once per instruction set.
#if defined(TROUPE_INTRINSICS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_INTRINSICS_INL
#undef TROUPE_INTRINSICS_INL
#else
#define TROUPE_INTRINSICS_INL
#endif

#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// Lane by lane: total + the sum over its two 16-bit halves of w times x, both signed. Exact.
HWY_INLINE ints dot2(ints total, ints w, ints x) {
#if HWY_TARGET == HWY_AVX3_DL
  return ints{_mm512_dpwssd_epi32(total.raw, w.raw, x.raw)};
#elif HWY_TARGET == HWY_AVX3
  return hn::Add(total, ints{_mm512_madd_epi16(w.raw, x.raw)});
#elif HWY_TARGET == HWY_AVX2
  return hn::Add(total, ints{_mm256_madd_epi16(w.raw, x.raw)});
#elif HWY_TARGET == HWY_SSE4
  return hn::Add(total, ints{_mm_madd_epi16(w.raw, x.raw)});
#elif HWY_TARGET == HWY_NEON
  const int16x8_t a = vreinterpretq_s16_s32(w.raw);
  const int16x8_t b = vreinterpretq_s16_s32(x.raw);
  const int32x4_t products = vmull_s16(vget_low_s16(a), vget_low_s16(b));
  return hn::Add(total, ints{vpaddq_s32(products, vmull_high_s16(a, b))});
#else
  const auto low = [](ints v) HWY_ATTR { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  total = hn::Add(total, hn::Mul(low(w), low(x)));
  return hn::Add(total, hn::Mul(hn::ShiftRight<16>(w), hn::ShiftRight<16>(x)));
#endif
}

/// Makes the compiler have this vector in a register here. Left free, GCC turns a chain of integer
/// sums into a tree whose leaves it keeps in memory, and loads a weight anew for every row.
HWY_INLINE void settle(ints& v) {
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3
  asm("" : "+v"(v.raw));
#elif HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4
  asm("" : "+x"(v.raw));
#elif HWY_TARGET == HWY_NEON
  asm("" : "+w"(v.raw));
#else
  (void)v;
#endif
}

/// Makes the compiler have `all` in memory here, once.
template <class T>
HWY_INLINE void settle_in_memory(T& all) {
  asm("" : "+m"(all));
}

/// Lane by lane: total + the sum over its four bytes of w (unsigned, at most 127: some instruction
/// sets saturate at 16 bits) times x (signed).
HWY_INLINE ints dot4(ints total, ints w, ints x) {
#if HWY_TARGET == HWY_AVX3_DL
  return ints{_mm512_dpbusd_epi32(total.raw, w.raw, x.raw)};
#elif HWY_TARGET == HWY_AVX3
  const __m512i pairs = _mm512_maddubs_epi16(w.raw, x.raw);
  return hn::Add(total, ints{_mm512_madd_epi16(pairs, _mm512_set1_epi16(1))});
#elif HWY_TARGET == HWY_AVX2
  const __m256i pairs = _mm256_maddubs_epi16(w.raw, x.raw);
  return hn::Add(total, ints{_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))});
#elif HWY_TARGET == HWY_SSE4
  const __m128i pairs = _mm_maddubs_epi16(w.raw, x.raw);
  return hn::Add(total, ints{_mm_madd_epi16(pairs, _mm_set1_epi16(1))});
#elif HWY_TARGET == HWY_NEON
  const int8x16_t a = vreinterpretq_s8_s32(w.raw);
  const int8x16_t b = vreinterpretq_s8_s32(x.raw);
  const int16x8_t products = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  return ints{vpadalq_s16(total.raw, vpaddq_s16(products, vmull_high_s8(a, b)))};
#else
  const ints byte = hn::Set(int_tag(), 255);
  const auto signed_byte = [](ints v) HWY_ATTR { return hn::ShiftRight<24>(v); };
  total = hn::Add(total, hn::Mul(hn::And(w, byte), signed_byte(hn::ShiftLeft<24>(x))));
  total = hn::Add(total,
                  hn::Mul(hn::And(hn::ShiftRight<8>(w), byte), signed_byte(hn::ShiftLeft<16>(x))));
  total = hn::Add(total,
                  hn::Mul(hn::And(hn::ShiftRight<16>(w), byte), signed_byte(hn::ShiftLeft<8>(x))));
  return hn::Add(total, hn::Mul(hn::And(hn::ShiftRight<24>(w), byte), signed_byte(x)));
#endif
}

/// The signed bytes 0 and 2 of each lane, divided by 2^Down, as its 16-bit halves; odd_bytes: 1 and
/// 3.
template <int Down>
HWY_INLINE ints even_bytes(ints v) {
#if HWY_TARGET == HWY_SCALAR
  const ints low = hn::ShiftRight<24 + Down>(hn::ShiftLeft<24>(v));
  const ints high = hn::ShiftRight<24 + Down>(hn::ShiftLeft<8>(v));
  return hn::Or(hn::And(low, hn::Set(int_tag(), 0xffff)), hn::ShiftLeft<16>(high));
#else
  const hn::Repartition<std::int16_t, int_tag> half;
  return hn::BitCast(int_tag(), hn::ShiftRight<8 + Down>(hn::ShiftLeft<8>(hn::BitCast(half, v))));
#endif
}
template <int Down>
HWY_INLINE ints odd_bytes(ints v) {
#if HWY_TARGET == HWY_SCALAR
  return even_bytes<Down>(hn::ShiftRight<8>(v));
#else
  const hn::Repartition<std::int16_t, int_tag> half;
  return hn::BitCast(int_tag(), hn::ShiftRight<8 + Down>(hn::BitCast(half, v)));
#endif
}

/// The 16 bytes at rows[0] + at, rows[4] + at, ... as the 128-bit blocks of one vector.
HWY_INLINE ints load_blocks(const std::byte* const* rows, std::size_t at) {
  const auto row = [&](std::size_t i) HWY_ATTR { return rows[i] + at; };
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const auto xmm = [](const std::byte* p)
                       HWY_ATTR { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  __m512i v = _mm512_castsi128_si512(xmm(row(0)));
  v = _mm512_inserti32x4(v, xmm(row(4)), 1);
  v = _mm512_inserti32x4(v, xmm(row(8)), 2);
  return ints{_mm512_inserti32x4(v, xmm(row(12)), 3)};
#elif HWY_TARGET == HWY_AVX2
  const auto xmm = [](const std::byte* p)
                       HWY_ATTR { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  return ints{_mm256_inserti128_si256(_mm256_castsi128_si256(xmm(row(0))), xmm(row(4)), 1)};
#elif HWY_TARGET == HWY_SCALAR
  return hn::Set(int_tag(), load_scalar<std::int32_t>(row(0)));
#else
  return hn::LoadU(int_tag(), reinterpret_cast<const std::int32_t*>(row(0)));
#endif
}

/// out[i], lane n = the i-th 32-bit word at rows[n] + at, for i below 4: a transposition of 4x4
/// words in each 128-bit block.
HWY_INLINE void load_words(const std::byte* const* rows, std::size_t at, ints* out) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < 4; ++i) out[i] = load_blocks(rows, at + 4 * i);
#else
  const hn::RepartitionToWide<int_tag> wide;
  const int_tag d;
  const ints a = load_blocks(rows, at);
  const ints b = load_blocks(rows + 1, at);
  const ints c = load_blocks(rows + 2, at);
  const ints e = load_blocks(rows + 3, at);
  const auto ab_low = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  out[0] = hn::BitCast(d, hn::InterleaveLower(wide, ab_low, ce_low));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(wide, ab_low, ce_low));
  out[2] = hn::BitCast(d, hn::InterleaveLower(wide, ab_high, ce_high));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(wide, ab_high, ce_high));
#endif
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
