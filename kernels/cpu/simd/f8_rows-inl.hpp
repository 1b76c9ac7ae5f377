// Rows as FP8 with powers of two (layout: kernels/api/f8_rows.hpp), compiled once per instruction
// set.
#if defined(TROUPE_F8_ROWS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_F8_ROWS_INL
#undef TROUPE_F8_ROWS_INL
#else
#define TROUPE_F8_ROWS_INL
#endif

#include <algorithm>

#include "kernels/api/f8_rows.hpp"
#include "kernels/cpu/simd/dequantise-inl.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// 2^(exponent - 127); also of exponents that no encoder writes.
HWY_INLINE float power_of(std::uint32_t exponent) {
  const std::uint32_t bits = exponent << 23U;
  return load_scalar<float>(&bits);
}

/// A whole group: its codes to `to`, its exponent returned.
HWY_INLINE std::uint32_t encode_group(const float* from, std::byte* to) {
  const float_tag d;
  const int_tag di;
  const hn::Rebind<std::uint8_t, float_tag> bytes;
  const ints all_but_sign = hn::Set(di, 0x7fffffff);
  const ints infinity = hn::Set(di, 0x7f800000);
  // The bits of positive floats stand in the order of their values.
  ints largest = hn::Zero(di);
  for (std::size_t i = 0; i < f8_group; i += lanes) {
    const ints magnitude = hn::And(hn::BitCast(di, hn::LoadU(d, from + i)), all_but_sign);
    largest = hn::Max(largest, hn::IfThenZeroElse(hn::Gt(magnitude, infinity), magnitude));
  }
  const auto peak = static_cast<std::uint32_t>(hn::GetLane(hn::MaxOfLanes(di, largest)));
  const std::uint32_t wanted = std::max((peak + 0x17ffffU) >> 23U, f8_least_exponent + 8) - 8;
  const std::uint32_t exponent = std::min(wanted, f8_most_exponent);
  const floats inverse = hn::Set(d, power_of(254 - exponent));
  for (std::size_t i = 0; i < f8_group; i += lanes) {
    const floats x = hn::LoadU(d, from + i);
    const ints bits = hn::BitCast(di, x);
    const ints magnitude = hn::BitCast(di, hn::Abs(hn::Mul(x, inverse)));
    // Subnormals: numbers from 2^14 on have just their spacing, so the addition rounds.
    const floats moved = hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0x1p14F));
    const ints small = hn::Sub(hn::BitCast(di, moved), hn::Set(di, 0x46800000));
    const ints odd = hn::And(hn::ShiftRight<20>(magnitude), hn::Set(di, 1));
    const ints rounded = hn::Add(hn::Sub(magnitude, hn::Set(di, 0x3c000000 - 0x7ffff)), odd);
    const ints normal = hn::Min(hn::ShiftRight<20>(rounded), hn::Set(di, 0x7e));
    const ints finite = hn::IfThenElse(hn::Lt(magnitude, hn::Set(di, 0x3c800000)), small, normal);
    const auto is_nan = hn::Gt(hn::And(bits, all_but_sign), infinity);
    const ints code = hn::IfThenElse(is_nan, hn::Set(di, 0x7f), finite);
    const ints sign = hn::And(hn::ShiftRight<24>(bits), hn::Set(di, 0x80));
    hn::StoreU(hn::DemoteTo(bytes, hn::Or(code, sign)), bytes,
               reinterpret_cast<std::uint8_t*>(to) + i);
  }
  return exponent;
}

/// One row, with zeros behind it.
HWY_INLINE void encode_row(const float* x, std::uint32_t cols, std::byte* to) {
  std::byte* exponents = to + cols;
  std::uint32_t i = 0;
  for (; i + f8_group <= cols; i += f8_group)
    *exponents++ = static_cast<std::byte>(encode_group(x + i, to + i));
  if (i < cols) {
    float last[f8_group] = {};
    std::byte codes[f8_group];
    std::memcpy(last, x + i, (cols - i) * sizeof(float));
    *exponents++ = static_cast<std::byte>(encode_group(last, codes));
    std::memcpy(to + i, codes, cols - i);
  }
  std::memset(exponents, 0, static_cast<std::size_t>(to + f8_row_bytes(cols) - exponents));
}

/// cols floats at `out`.
HWY_INLINE void decode_row(const std::byte* from, std::uint32_t cols, float* out) {
  for (std::uint32_t i = 0; i < cols; i += f8_group) {
    const float scale = power_of(std::to_integer<std::uint32_t>(from[cols + i / f8_group]));
    convert(from + i, 1, std::min(cols - i, f8_group), out + i,
            [scale](const std::byte* at)
                HWY_ATTR { return hn::Mul(load_f8(at), hn::Set(float_tag(), scale)); });
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
