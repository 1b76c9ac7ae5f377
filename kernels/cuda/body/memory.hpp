#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/cuda/body/portable.hpp"

// Wide reads of the device's memory: what the compiler makes of an element at a time is a
// transaction for each. A device refuses an address that is not aligned; an emulated one spoils
// what is read or written there.
namespace troupe::kernels::cuda {

/// Neighbouring words, as one instruction reads them.
template <std::uint32_t Count>
struct words {
  std::uint32_t at[Count] = {};
};

[[nodiscard]] TROUPE_KERNEL bool is_aligned(const void* p, std::uint32_t to) {
  return (reinterpret_cast<std::uintptr_t>(p) & (to - 1)) == 0;
}

/// 4 * `Count` bytes from an address that is a multiple of as much; zeros unless `there`. Nobody
/// writes them while the kernel runs, and no other block is likely to want them: weights.
template <std::uint32_t Count>
[[nodiscard]] TROUPE_KERNEL words<Count> load_weights(const std::byte* from, bool there) {
  words<Count> got;
#ifdef __CUDACC__
  // Predicated, as a branch around each would keep them from being issued together.
  static_assert(Count == 2 || Count == 4);
  const std::size_t place = __cvta_generic_to_global(from);
  if constexpr (Count == 2)
    asm volatile(
        "{.reg .pred p; setp.ne.u32 p, %3, 0;"
        " @p ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];}"
        : "+r"(got.at[0]), "+r"(got.at[1])
        : "l"(place), "r"(std::uint32_t{there}));
  if constexpr (Count == 4)
    asm volatile(
        "{.reg .pred p; setp.ne.u32 p, %5, 0;"
        " @p ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];}"
        : "+r"(got.at[0]), "+r"(got.at[1]), "+r"(got.at[2]), "+r"(got.at[3])
        : "l"(place), "r"(std::uint32_t{there}));
#else
  if (there) std::memcpy(got.at, from, sizeof got.at);
  if (there && !is_aligned(from, sizeof got.at))
    for (std::uint32_t& word : got.at) word = ~0U;
#endif
  return got;
}

/// Two bytes from an even address, likewise.
[[nodiscard]] TROUPE_KERNEL std::uint32_t load_weight_half(const std::byte* from, bool there) {
  std::uint16_t got = 0;
#ifdef __CUDACC__
  asm volatile("{.reg .pred p; setp.ne.u32 p, %2, 0; @p ld.global.nc.u16 %0, [%1];}"
               : "+h"(got)
               : "l"(__cvta_generic_to_global(from)), "r"(std::uint32_t{there}));
#else
  if (there) std::memcpy(&got, from, sizeof got);
  if (there && !is_aligned(from, sizeof got)) got = 0xffffU;
#endif
  return got;
}

/// Four floats from an address that is a multiple of 16; zeros unless `there`.
struct four_floats {
  float at[4] = {};
};
[[nodiscard]] TROUPE_KERNEL four_floats load_floats(const float* from, bool there) {
  four_floats got;
#ifdef __CUDACC__
  asm volatile("{.reg .pred p; setp.ne.u32 p, %5, 0; @p ld.global.v4.f32 {%0, %1, %2, %3}, [%4];}"
               : "+f"(got.at[0]), "+f"(got.at[1]), "+f"(got.at[2]), "+f"(got.at[3])
               : "l"(__cvta_generic_to_global(from)), "r"(std::uint32_t{there}));
#else
  if (there) std::memcpy(got.at, from, sizeof got.at);
  if (there && !is_aligned(from, sizeof got.at))
    got.at[0] = std::numeric_limits<float>::quiet_NaN();
#endif
  return got;
}

/// Four floats from an address in shared memory that is a multiple of 16.
[[nodiscard]] TROUPE_KERNEL four_floats load_shared(const float* from) {
  four_floats got;
#ifdef __CUDACC__
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(got.at[0]), "=f"(got.at[1]), "=f"(got.at[2]), "=f"(got.at[3])
               : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(from))));
#else
  std::memcpy(got.at, from, sizeof got.at);
  if (!is_aligned(from, sizeof got.at)) got.at[0] = std::numeric_limits<float>::quiet_NaN();
#endif
  return got;
}

/// Four words to an address in shared memory that is a multiple of 16.
TROUPE_KERNEL void store_shared(std::uint16_t* to, const words<4>& from) {
#ifdef __CUDACC__
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(
                   static_cast<std::uint32_t>(__cvta_generic_to_shared(to))),
               "r"(from.at[0]), "r"(from.at[1]), "r"(from.at[2]), "r"(from.at[3])
               : "memory");
#else
  std::memcpy(to, from.at, sizeof from.at);
  if (!is_aligned(to, sizeof from.at)) *to = 0xffffU;
#endif
}

/// Two numbers rounded to BF16, to nearest, ties to even, the first in the lower half. Of NaNs only
/// that they are some is kept.
[[nodiscard]] TROUPE_KERNEL std::uint32_t pack_bf16(float first, float second) {
#ifdef __CUDACC__
  std::uint32_t both = 0;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
#else
  return to_bf16(first) | std::uint32_t{to_bf16(second)} << 16U;
#endif
}

/// An integer below 2^23 as a float, without the conversion unit.
[[nodiscard]] TROUPE_KERNEL float small_integer(std::uint32_t value) {
  return bits_as<float>(0x4B000000U | value) - 8388608.0F;
}

}  // namespace troupe::kernels::cuda
