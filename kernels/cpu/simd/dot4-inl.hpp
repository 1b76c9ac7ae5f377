// The one place with intrinsics that Highway 1.0.3 lacks: four-way byte products, and gathering
// 16-byte pieces of several rows into one vector. Compiled once per instruction set.
#if defined(TROUPE_DOT4_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_DOT4_INL
#undef TROUPE_DOT4_INL
#else
#define TROUPE_DOT4_INL
#endif

#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// True where dot4 is exact for every unsigned byte; elsewhere only up to 127, as pairs of products
/// saturate at 16 bits.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_SSE4
inline constexpr bool dot4_takes_all_bytes = false;
#else
inline constexpr bool dot4_takes_all_bytes = true;
#endif

/// Lane by lane: total + the sum over its four bytes of w (unsigned) times x (signed).
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

/// Where a byte product goes by way of 16-bit sums of neighbours, several of them may be added up
/// at 16 bits before they are widened.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_SSE4
inline constexpr bool dot4_has_pairs = true;
using pairs = hn::Vec<hn::Repartition<std::int16_t, int_tag>>;

/// Sums of neighbouring products of w (unsigned) and x (signed).
HWY_INLINE pairs pair_products(ints w, ints x) {
#if HWY_TARGET == HWY_AVX3
  return pairs{_mm512_maddubs_epi16(w.raw, x.raw)};
#elif HWY_TARGET == HWY_AVX2
  return pairs{_mm256_maddubs_epi16(w.raw, x.raw)};
#else
  return pairs{_mm_maddubs_epi16(w.raw, x.raw)};
#endif
}

/// The sums of neighbouring pairs.
HWY_INLINE ints widen(pairs p) {
#if HWY_TARGET == HWY_AVX3
  return ints{_mm512_madd_epi16(p.raw, _mm512_set1_epi16(1))};
#elif HWY_TARGET == HWY_AVX2
  return ints{_mm256_madd_epi16(p.raw, _mm256_set1_epi16(1))};
#else
  return ints{_mm_madd_epi16(p.raw, _mm_set1_epi16(1))};
#endif
}
#else
inline constexpr bool dot4_has_pairs = false;
using pairs = ints;
HWY_INLINE pairs pair_products(ints w, ints x) { return dot4(hn::Zero(int_tag()), w, x); }
HWY_INLINE ints widen(pairs p) { return p; }
#endif

/// As dot4 with w signed too (x not -128).
HWY_INLINE ints dot4_signed(ints total, ints w, ints x) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const __mmask64 negative = _mm512_movepi8_mask(w.raw);
  const __m512i turned = _mm512_mask_sub_epi8(x.raw, negative, _mm512_setzero_si512(), x.raw);
  return dot4(total, ints{_mm512_abs_epi8(w.raw)}, ints{turned});
#elif HWY_TARGET == HWY_AVX2
  return dot4(total, ints{_mm256_abs_epi8(w.raw)}, ints{_mm256_sign_epi8(x.raw, w.raw)});
#elif HWY_TARGET == HWY_SSE4
  return dot4(total, ints{_mm_abs_epi8(w.raw)}, ints{_mm_sign_epi8(x.raw, w.raw)});
#else
  // w = (w + 128) - 128.
  const ints bias = hn::Set(int_tag(), static_cast<std::int32_t>(0x80808080U));
  const ints shifted = dot4(total, hn::Xor(w, bias), x);
  return hn::Sub(shifted, dot4(hn::Zero(int_tag()), bias, x));
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
