// Activations to integers (layout: kernels/api/matrix.hpp), compiled once per instruction set.
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

/// One run of 32 numbers, rounded to nearest, ties to even.
HWY_INLINE void quantise_run(const float* from, q8_block* to) {
  const float_tag d;
  const int_tag di;
  const hn::Rebind<std::int16_t, float_tag> half;
  floats largest = hn::Zero(d);
  for (std::size_t i = 0; i < q8_group; i += lanes)
    largest = hn::Max(largest, hn::Abs(hn::LoadU(d, from + i)));
  const float peak = hn::GetLane(hn::MaxOfLanes(d, largest));
  // Below this the reciprocal would overflow; such a run is nought to any product.
  const bool tiny = !(peak > 1e-33F);
  const floats inverse = hn::Set(d, tiny ? 0.0F : static_cast<float>(q8_largest) / peak);
  ints total = hn::Zero(di);
  for (std::size_t i = 0; i < q8_group; i += lanes) {
    const ints q = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), inverse));
    hn::StoreU(hn::DemoteTo(half, q), half, to->values + i);
    total = hn::Add(total, q);
  }
  to->scale = tiny ? 0.0F : peak / static_cast<float>(q8_largest);
  to->sum = to->scale * static_cast<float>(hn::GetLane(hn::SumOfLanes(di, total)));
}

/// Writes blocks [first, first + blocks) of the integer row `row` from x.
HWY_INLINE void quantise_blocks(const float* x, std::uint32_t first, std::uint32_t blocks,
                                std::byte* row) {
  auto* to = reinterpret_cast<q8_block*>(row) + first;
  for (std::uint32_t i = 0; i < blocks; ++i) quantise_run(x + std::size_t{i} * q8_group, to + i);
}

/// Writes a whole activation row: to `f32` when not null, and to `q8` when not null.
HWY_INLINE void write_row(const float* x, std::uint32_t cols, float* f32, std::byte* q8) {
  if (f32 != nullptr && f32 != x) std::memcpy(f32, x, std::size_t{cols} * sizeof(float));
  if (q8 != nullptr) quantise_blocks(x, 0, cols / q8_group, q8);
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
