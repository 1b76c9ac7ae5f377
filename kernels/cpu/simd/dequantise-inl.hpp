// Stored weights to float32 (layouts: the GGUF v3 specification), compiled once per instruction
// set.
#if defined(TROUPE_DEQUANTISE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_DEQUANTISE_INL
#undef TROUPE_DEQUANTISE_INL
#else
#define TROUPE_DEQUANTISE_INL
#endif

#include <limits>

#include "kernels/api/matrix.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

HWY_INLINE float half_at(const std::byte* from) {
  const hn::CappedTag<float, 1> d1;
  const hn::Rebind<hwy::float16_t, decltype(d1)> h1;
  const hn::RebindToUnsigned<decltype(h1)> bits;
  const auto half = hn::BitCast(h1, hn::Set(bits, load_scalar<std::uint16_t>(from)));
  return hn::GetLane(hn::PromoteTo(d1, half));
}

/// Sub-block scales and minima of a Q4_K block: 6 bits each, packed in 12 bytes.
struct q4_k_scales {
  std::uint8_t scale[8];
  std::uint8_t min[8];
};

HWY_INLINE q4_k_scales unpack_q4_k_scales(const std::byte* packed) {
  const auto a = load_scalar<std::uint32_t>(packed);
  const auto b = load_scalar<std::uint32_t>(packed + 4);
  const auto c = load_scalar<std::uint32_t>(packed + 8);
  const std::uint32_t words[4] = {a & 0x3f3f3f3fU, (c & 0x0f0f0f0fU) | (a >> 6 & 0x03030303U) << 4,
                                  b & 0x3f3f3f3fU,
                                  (c >> 4 & 0x0f0f0f0fU) | (b >> 6 & 0x03030303U) << 4};
  q4_k_scales s;
  std::memcpy(s.scale, words, 8);
  std::memcpy(s.min, words + 2, 8);
  return s;
}

/// The loops below have fixed lengths and no aliasing, so that the compiler turns them into
/// vectors.
HWY_INLINE void dequantise_q8_0(const std::byte* block, float* HWY_RESTRICT out) {
  const float d = half_at(block);
  const auto* HWY_RESTRICT q = reinterpret_cast<const std::int8_t*>(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(q[i]);
}

HWY_INLINE void dequantise_q4_0(const std::byte* block, float* HWY_RESTRICT out) {
  const float d = half_at(block);
  const auto* HWY_RESTRICT q = reinterpret_cast<const std::uint8_t*>(block + 2);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>((q[i] & 15) - 8);
  for (int i = 0; i < 16; ++i) out[i + 16] = d * static_cast<float>((q[i] >> 4) - 8);
}

HWY_INLINE void dequantise_q4_1(const std::byte* block, float* HWY_RESTRICT out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  const auto* HWY_RESTRICT q = reinterpret_cast<const std::uint8_t*>(block + 4);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>(q[i] & 15) + m;
  for (int i = 0; i < 16; ++i) out[i + 16] = d * static_cast<float>(q[i] >> 4) + m;
}

HWY_INLINE void dequantise_q4_k(const std::byte* block, float* HWY_RESTRICT out) {
  const float d = half_at(block);
  const float dmin = half_at(block + 2);
  const q4_k_scales s = unpack_q4_k_scales(block + 4);
  const auto* HWY_RESTRICT q = reinterpret_cast<const std::uint8_t*>(block + 16);
  for (int j = 0; j < 8; j += 2, q += 32, out += 64) {
    const float d0 = d * static_cast<float>(s.scale[j]);
    const float m0 = dmin * static_cast<float>(s.min[j]);
    const float d1 = d * static_cast<float>(s.scale[j + 1]);
    const float m1 = dmin * static_cast<float>(s.min[j + 1]);
    for (int i = 0; i < 32; ++i) out[i] = d0 * static_cast<float>(q[i] & 15) - m0;
    for (int i = 0; i < 32; ++i) out[i + 32] = d1 * static_cast<float>(q[i] >> 4) - m1;
  }
}

HWY_INLINE void dequantise_q6_k(const std::byte* block, float* HWY_RESTRICT out) {
  const float d = half_at(block + 208);
  const auto* HWY_RESTRICT low = reinterpret_cast<const std::uint8_t*>(block);
  const auto* HWY_RESTRICT high = reinterpret_cast<const std::uint8_t*>(block + 128);
  const auto* scale = reinterpret_cast<const std::int8_t*>(block + 192);
  // Runs of 16 that share a scale: two in each of four quarters of each half.
  for (int run = 0; run < 16; ++run) {
    const int quarter = run / 2 % 4;
    const std::uint8_t* HWY_RESTRICT l = low + run / 8 * 64 + quarter % 2 * 32 + run % 2 * 16;
    const std::uint8_t* HWY_RESTRICT h = high + run / 8 * 32 + run % 2 * 16;
    const float d_run = d * static_cast<float>(scale[run]);
    const int low_shift = quarter / 2 * 4;
    const int high_shift = quarter * 2;
    for (int i = 0; i < 16; ++i) {
      const int q = (l[i] >> low_shift & 15) | (h[i] >> high_shift & 3) << 4;
      out[run * 16 + i] = d_run * static_cast<float>(q - 32);
    }
  }
}

/// FP8 e4m3 (finite form: no infinities, 0x7f is NaN) by moving its bits into float32 and mending
/// the exponent's bias (127 - 7 = 120); subnormals come right by themselves.
HWY_INLINE floats load_f8(const std::byte* from) {
  const float_tag d;
  const hn::RebindToUnsigned<float_tag> du;
  const hn::Rebind<std::uint8_t, float_tag> bytes;
  const auto bits =
      hn::PromoteTo(du, hn::LoadU(bytes, reinterpret_cast<const std::uint8_t*>(from)));
  const auto magnitude = hn::And(bits, hn::Set(du, 0x7fU));
  const floats value = hn::Mul(hn::BitCast(d, hn::ShiftLeft<20>(magnitude)), hn::Set(d, 0x1p120F));
  const auto is_nan = hn::RebindMask(d, hn::Eq(magnitude, hn::Set(du, 0x7fU)));
  const floats checked =
      hn::IfThenElse(is_nan, hn::Set(d, std::numeric_limits<float>::quiet_NaN()), value);
  const auto sign = hn::ShiftLeft<24>(hn::And(bits, hn::Set(du, 0x80U)));
  return hn::Or(checked, hn::BitCast(d, sign));
}

template <class Load>
HWY_INLINE void convert(const std::byte* from, std::size_t width, std::uint32_t cols, float* out,
                        const Load& load) {
  const float_tag d;
  std::size_t i = 0;
  for (; i + lanes <= cols; i += lanes) hn::StoreU(load(from + i * width), d, out + i);
  if (i == cols) return;
  std::byte in[lanes * sizeof(float)] = {};
  float last[lanes];
  std::memcpy(in, from + i * width, (cols - i) * width);
  hn::StoreU(load(in), d, last);
  std::memcpy(out + i, last, (cols - i) * sizeof(float));
}

/// Row `row` of w as float32: w.cols floats at `out`.
HWY_INLINE void dequantise_row(const matrix& w, std::uint32_t row, float* out) {
  const std::byte* from = w.data + row_bytes(w.type, w.cols) * row;
  const auto blocks = [&](std::uint32_t size, std::uint32_t bytes, auto one) HWY_ATTR {
    for (std::uint32_t i = 0; i < w.cols; i += size, from += bytes) one(from, out + i);
  };
  switch (w.type) {
    case dtype::f32:
      std::memcpy(out, from, std::size_t{w.cols} * sizeof(float));
      return;
    case dtype::f16:
      return convert(from, 2, w.cols, out, load_f16);
    case dtype::bf16:
      return convert(from, 2, w.cols, out, load_bf16);
    case dtype::f8_e4m3: {
      const float* scales = w.scales + std::size_t{row / 128} * ((w.cols + 127) / 128);
      for (std::uint32_t i = 0; i < w.cols; i += 128, ++scales)
        convert(from + i, 1, w.cols - i < 128 ? w.cols - i : 128, out + i,
                [&](const std::byte* at)
                    HWY_ATTR { return hn::Mul(load_f8(at), hn::Set(float_tag(), *scales)); });
      return;
    }
    case dtype::q8_0:
      return blocks(32, 34, dequantise_q8_0);
    case dtype::q4_0:
      return blocks(32, 18, dequantise_q4_0);
    case dtype::q4_1:
      return blocks(32, 20, dequantise_q4_1);
    case dtype::q4_k:
      return blocks(256, 144, dequantise_q4_k);
    case dtype::q6_k:
      return blocks(256, 210, dequantise_q6_k);
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
