#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/f8_rows.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/f8_rows-inl.hpp"
#include "kernels/cpu/simd/quantise-inl.hpp"

// Rows to FP8 and back: encode_rows, decode_rows.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

void encode_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const encode_rows_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r)
    encode_row(p.x + std::size_t{r} * p.cols, p.cols, p.out + r * f8_row_bytes(p.cols));
}

void decode_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& p = *static_cast<const decode_rows_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r) {
    float* f32 = p.out.f32 == nullptr ? nullptr : p.out.f32 + std::size_t{r} * p.cols;
    std::byte* q8 = p.out.q8 == nullptr ? nullptr : p.out.q8 + r * q8_row_bytes(p.cols);
    float* row = f32 != nullptr ? f32 : reinterpret_cast<float*>(w.scratch);
    decode_row(p.in + r * f8_row_bytes(p.cols), p.cols, row);
    write_row(row, p.cols, f32, q8);
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(encode_items);
HWY_EXPORT(decode_items);
task::body_fn encode_rows_body() { return &HWY_DYNAMIC_DISPATCH(encode_items); }
task::body_fn decode_rows_body() { return &HWY_DYNAMIC_DISPATCH(decode_items); }
}  // namespace troupe::kernels::cpu
#endif
