// Activations to 8-bit groups (layout: kernels/api/matrix.hpp), compiled once per instruction set.
#if defined(TROUPE_QUANTISE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_QUANTISE_INL
#undef TROUPE_QUANTISE_INL
#else
#define TROUPE_QUANTISE_INL
#endif

#include "kernels/api/matrix.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// Writes groups [first, first + groups) of the 8-bit row `row` (of `cols` columns) from x.
HWY_INLINE void quantise_groups(const float* x, std::uint32_t first, std::uint32_t groups,
                                std::uint32_t cols, std::byte* row) {
  const float_tag d;
  const hn::Rebind<std::int8_t, float_tag> bytes;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const float* from = x + std::size_t{g} * q8_group;
    floats largest = hn::Zero(d);
    for (std::size_t i = 0; i < q8_group; i += lanes)
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, from + i)));
    const float peak = hn::GetLane(hn::MaxOfLanes(d, largest));
    // Below this the reciprocal would overflow; such a group is nought to any product.
    const bool tiny = !(peak > 1e-35F);
    const float scale = tiny ? 0.0F : peak / 127.0F;
    const floats inverse = hn::Set(d, tiny ? 0.0F : 127.0F / peak);
    auto* to = reinterpret_cast<std::int8_t*>(row) + std::size_t{first + g} * q8_group;
    ints total = hn::Zero(int_tag());
    for (std::size_t i = 0; i < q8_group; i += lanes) {
      // Rounds to nearest, ties to even.
      const ints q = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), inverse));
      total = hn::Add(total, q);
      hn::StoreU(hn::DemoteTo(bytes, q), bytes, to + i);
    }
    const auto all = static_cast<float>(hn::GetLane(hn::SumOfLanes(int_tag(), total)));
    const float scaled = scale * all;
    std::byte* scales = row + cols + std::size_t{first + g} * sizeof(float);
    std::memcpy(scales, &scale, sizeof scale);
    std::memcpy(scales + cols / q8_group * sizeof(float), &scaled, sizeof scaled);
  }
}

/// Writes a whole activation row: to `f32` when not null, and to `q8` when not null.
HWY_INLINE void write_row(const float* x, std::uint32_t cols, float* f32, std::byte* q8) {
  if (f32 != nullptr && f32 != x) std::memcpy(f32, x, std::size_t{cols} * sizeof(float));
  if (q8 != nullptr) quantise_groups(x, 0, cols / q8_group, cols, q8);
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
