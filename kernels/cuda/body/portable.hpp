#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// What kernel bodies are written with: code that nvcc compiles for the device and any compiler for
// the host, where it runs under an emulated grid. Only correctly rounded operations are used, and
// fused ones only where written, so that both give the same bits.

/// Before every function that a kernel calls: device code under nvcc, host code elsewhere. The
/// second is for what is seldom called, or slow anyhow, from places that are many: it stays apart.
#ifdef __CUDACC__
#define TROUPE_KERNEL __device__ inline
#define TROUPE_KERNEL_APART __device__ __noinline__ static
#define TROUPE_UNROLL _Pragma("unroll")
#else
#define TROUPE_KERNEL inline
#define TROUPE_KERNEL_APART inline
#define TROUPE_UNROLL
#endif

namespace troupe::kernels::cuda {

inline constexpr std::uint32_t warp_size = 32;
inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
inline constexpr float largest_float = std::numeric_limits<float>::max();

[[nodiscard]] constexpr std::uint32_t ceil_divide(std::uint32_t a, std::uint32_t b) {
  return (a + b - 1) / b;
}
[[nodiscard]] constexpr std::uint32_t least(std::uint32_t a, std::uint32_t b) {
  return a < b ? a : b;
}

template <class To>
TROUPE_KERNEL To bits_as(std::uint32_t bits) {
  return std::bit_cast<To>(bits);
}
TROUPE_KERNEL std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }

/// e^x, within 2 units in the last place for x in [-87, 88]; clamped to that range.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor series to r^7, 2^n by the exponent's
/// bits; ln 2 is split so that n * high is exact (Cody & Waite 1980). The device's own would give
/// other bits than the host's.
TROUPE_KERNEL float exp_of(float x) {
  constexpr float round_to_integer = 12582912.0F;  // 1.5 * 2^23 leaves no fraction bits
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted = fmaf(x, 1.44269504F, round_to_integer);
  const float n = shifted - round_to_integer;
  float r = fmaf(-n, 0.693359375F, x);
  r = fmaf(-n, -2.12194440e-4F, r);
  float y = 1.0F / 5040;
  y = fmaf(y, r, 1.0F / 720);
  y = fmaf(y, r, 1.0F / 120);
  y = fmaf(y, r, 1.0F / 24);
  y = fmaf(y, r, 1.0F / 6);
  y = fmaf(y, r, 0.5F);
  y = fmaf(y, r, 1.0F);
  y = fmaf(y, r, 1.0F);
  return y * bits_as<float>((bits_of(shifted) - 0x4B400000U + 127U) << 23U);
}

/// x / (1 + e^-x)
TROUPE_KERNEL float silu(float x) { return x / (1.0F + exp_of(-x)); }

/// IEEE 754 binary16 to binary32, exact; on the host its bits, moved into place, with the
/// exponent's bias mended by a multiplication, which subnormals come right from as well.
TROUPE_KERNEL float from_f16(std::uint16_t half) {
#ifdef __CUDACC__
  float exact = 0;
  asm("cvt.f32.f16 %0, %1;" : "=f"(exact) : "h"(half));
  return exact;
#else
  const std::uint32_t magnitude = half & 0x7fffU;
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t moved = magnitude << 13U;
  const std::uint32_t finite = bits_of(bits_as<float>(moved) * 0x1p112F);
  return bits_as<float>((magnitude >= 0x7c00U ? moved | 0x7f800000U : finite) | sign);
#endif
}

/// binary32 to binary16, to nearest, ties to even; too large becomes infinity.
TROUPE_KERNEL std::uint16_t to_f16(float value) {
  std::uint32_t x = bits_of(value);
  const std::uint32_t sign = x >> 16U & 0x8000U;
  x &= 0x7fffffffU;
  std::uint32_t half;
  if (x >= 0x47800000U) {
    half = x > 0x7f800000U ? 0x7e00U : 0x7c00U;
  } else if (x < 0x38800000U) {
    // A subnormal: numbers from 0.5 on have just its spacing, so the addition rounds.
    half = bits_of(bits_as<float>(x) + 0.5F) - 0x3f000000U;
  } else {
    const std::uint32_t odd = x >> 13U & 1U;
    half = (x - 0x38000000U + 0xfffU + odd) >> 13U;
  }
  return static_cast<std::uint16_t>(half | sign);
}

TROUPE_KERNEL float from_bf16(std::uint16_t bits) {
  return bits_as<float>(std::uint32_t{bits} << 16U);
}

/// To nearest, ties to even; NaN stays NaN.
TROUPE_KERNEL std::uint16_t to_bf16(float value) {
  const std::uint32_t x = bits_of(value);
  if ((x & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(x >> 16U | 0x40U);
  return static_cast<std::uint16_t>((x + 0x7fffU + (x >> 16U & 1U)) >> 16U);
}

/// FP8 e4m3 of the OCP specification: no infinities, 0x7f and 0xff are NaN.
TROUPE_KERNEL float from_f8_e4m3(std::uint8_t bits) {
  const std::uint32_t magnitude = bits & 0x7fU;
  const std::uint32_t sign = (bits & 0x80U) << 24U;
  const std::uint32_t finite = bits_of(bits_as<float>(magnitude << 20U) * 0x1p120F);
  return bits_as<float>((magnitude == 0x7fU ? 0x7fc00000U : finite) | sign);
}

}  // namespace troupe::kernels::cuda
