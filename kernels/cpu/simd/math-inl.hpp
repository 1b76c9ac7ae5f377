// exp and what is built on it, compiled once per instruction set.
#if defined(TROUPE_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_MATH_INL
#undef TROUPE_MATH_INL
#else
#define TROUPE_MATH_INL
#endif

#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// e^x, within 2 units in the last place for x in [-87, 88]; clamped to that range.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor series to r^7 (truncation 5e-9), 2^n by
/// the exponent's bits. ln 2 is split so that n * high is exact (Cody & Waite 1980).
HWY_INLINE floats exp(floats x) {
  const float_tag d;
  const int_tag di;
  x = hn::Min(hn::Max(x, hn::Set(d, -87.0F)), hn::Set(d, 88.0F));
  const ints n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504F)));
  const floats whole = hn::ConvertTo(d, n);
  floats r = hn::NegMulAdd(whole, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(whole, hn::Set(d, -2.12194440e-4F), r);
  floats y = hn::Set(d, 1.0F / 5040);
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F / 720));
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F / 120));
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F / 24));
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F / 6));
  y = hn::MulAdd(y, r, hn::Set(d, 0.5F));
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F));
  y = hn::MulAdd(y, r, hn::Set(d, 1.0F));
  const ints power = hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127)));
  return hn::Mul(y, hn::BitCast(d, power));
}

/// 2^x, within 2 units in the last place for x in [-125, 127]; x below is taken as -125, x above
/// must not come.
///
/// x = n + f with |f| <= 1/2; 2^f by the polynomial of degree 5 that is best there (relative error
/// 7.5e-8, found by Remez' algorithm). Adding 1.5 * 2^23 rounds to a whole number, which is left in
/// the low bits and goes from there to the exponent.
HWY_INLINE floats exp2(floats x) {
  const float_tag d;
  const int_tag di;
  const floats round = hn::Set(d, 12582912.0F);
  x = hn::Max(x, hn::Set(d, -125.0F));
  const floats shifted = hn::Add(x, round);
  const floats f = hn::Sub(x, hn::Sub(shifted, round));
  floats y = hn::Set(d, 0x1.5c08e6p-10F);
  y = hn::MulAdd(y, f, hn::Set(d, 0x1.3d0c52p-7F));
  y = hn::MulAdd(y, f, hn::Set(d, 0x1.c6b6e4p-5F));
  y = hn::MulAdd(y, f, hn::Set(d, 0x1.ebf918p-3F));
  y = hn::MulAdd(y, f, hn::Set(d, 0x1.62e428p-1F));
  y = hn::MulAdd(y, f, hn::Set(d, 0x1.000002p+0F));
  const ints power = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, y), power));
}

/// x / (1 + e^-x)
HWY_INLINE floats silu(floats x) {
  const float_tag d;
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), exp(hn::Neg(x))));
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
