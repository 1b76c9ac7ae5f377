#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/f8_rows.hpp"
#include "kernels/cuda/body/portable.hpp"

// Rows to FP8 with powers of two and back, a block each (layout: kernels/api/f8_rows.hpp).
namespace troupe::kernels::cuda {

/// binary32, in units of its group's scale, to e4m3: to nearest, ties to even, 448 at most.
TROUPE_KERNEL std::uint8_t to_f8_e4m3(float value) {
  const std::uint32_t x = bits_of(value);
  const std::uint32_t sign = x >> 24U & 0x80U;
  const std::uint32_t magnitude = x & 0x7fffffffU;
  std::uint32_t code;
  if (magnitude > 0x7f800000U) {
    code = 0x7fU;
  } else if (magnitude < 0x3c800000U) {
    // A subnormal: numbers from 2^14 on have just its spacing, so the addition rounds.
    code = bits_of(bits_as<float>(magnitude) + 0x1p14F) - 0x46800000U;
  } else {
    code = least((magnitude - 0x3c000000U + 0x7ffffU + (magnitude >> 20U & 1U)) >> 20U, 0x7eU);
  }
  return static_cast<std::uint8_t>(code | sign);
}

/// A warp has a group, its lanes every 32nd column of it.
struct encode_rows_kernel {
  using params = encode_rows_params;
  static constexpr std::uint32_t threads = 128;
  static constexpr std::uint32_t each = f8_group / warp_size;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const float* x = p.x + std::size_t{t.x()} * p.cols;
    auto* out = reinterpret_cast<std::uint8_t*>(p.out + t.x() * f8_row_bytes(p.cols));
    const std::uint32_t groups = ceil_divide(p.cols, f8_group);
    for (std::uint32_t g = t.warp(); g < groups; g += threads / warp_size) {
      const std::uint32_t first = g * f8_group + t.lane();
      float mine[each];
      std::uint32_t largest = 0;
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < each; ++k) {
        const std::uint32_t i = first + k * warp_size;
        mine[k] = i < p.cols ? x[i] : 0.0F;
        const std::uint32_t magnitude = bits_of(mine[k]) & 0x7fffffffU;
        if (magnitude <= 0x7f800000U && magnitude > largest) largest = magnitude;
      }
      for (std::uint32_t m = warp_size / 2; m > 0; m /= 2) {
        const std::uint32_t other = t.shuffle_xor(largest, m);
        largest = other > largest ? other : largest;
      }
      std::uint32_t exponent = (largest + 0x17ffffU) >> 23U;
      exponent = exponent < f8_least_exponent + 8 ? f8_least_exponent : exponent - 8;
      exponent = least(exponent, f8_most_exponent);
      const float inverse = bits_as<float>((254U - exponent) << 23U);
      TROUPE_UNROLL
      for (std::uint32_t k = 0; k < each; ++k) {
        const std::uint32_t i = first + k * warp_size;
        // Not by a product: that need not keep the sign of a NaN.
        const bool is_nan = (bits_of(mine[k]) & 0x7fffffffU) > 0x7f800000U;
        if (i < p.cols) out[i] = to_f8_e4m3(is_nan ? mine[k] : mine[k] * inverse);
      }
      if (t.lane() == 0) out[p.cols + g] = static_cast<std::uint8_t>(exponent);
    }
    for (auto i = p.cols + groups + t.thread(); i < f8_row_bytes(p.cols); i += threads) out[i] = 0;
  }
};

struct decode_rows_kernel {
  using params = decode_rows_params;
  static constexpr std::uint32_t threads = 128;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(p.in + t.x() * f8_row_bytes(p.cols));
    float* out = p.out.f32 + std::size_t{t.x()} * p.cols;
    for (std::uint32_t i = t.thread(); i < p.cols; i += threads) {
      const std::uint32_t exponent = in[p.cols + i / f8_group];
      const float code = from_f8_e4m3(in[i]);
      const float value = code * bits_as<float>(exponent << 23U);
      out[i] = (in[i] & 0x7fU) == 0x7fU ? code : value;
    }
  }
};

}  // namespace troupe::kernels::cuda
