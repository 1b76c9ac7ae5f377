#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rows.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/dequantise-inl.hpp"
#include "kernels/cpu/simd/norm-inl.hpp"
#include "kernels/cpu/simd/quantise-inl.hpp"

// Copying, and operations on one row at a time: embed, gather_rows, rms_norm, combine.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

void copy_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const copy_params*>(params);
  auto* const to = static_cast<std::byte*>(p.to);
  const auto* const from = static_cast<const std::byte*>(p.from);
  if (p.rows != 1) {
    for (std::uint32_t r = begin; r < end; ++r)
      std::memcpy(to + r * p.to_stride, from + r * p.from_stride, p.bytes);
    return;
  }
  const std::size_t first = begin * copy_bytes;
  const std::size_t last = std::min(end * copy_bytes, p.bytes);
  std::memcpy(to + first, from + first, last - first);
}

void embed_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const embed_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r)
    dequantise_row(p.table, static_cast<std::uint32_t>(p.ids[r]),
                   p.out + std::size_t{r} * p.table.cols);
}

void gather_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const gather_rows_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r)
    std::memcpy(p.out + std::size_t{r} * p.cols, p.in + std::size_t{p.index[r]} * p.cols,
                p.cols * sizeof(float));
}

void norm_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& p = *static_cast<const rms_norm_params*>(params);
  for (std::uint32_t r = begin; r < end; ++r) {
    const float* x = p.x + std::size_t{r} * p.cols;
    float* f32 = p.out.f32 == nullptr ? nullptr : p.out.f32 + std::size_t{r} * p.cols;
    std::byte* q8 = p.out.q8 == nullptr ? nullptr : p.out.q8 + r * q8_row_bytes(p.cols);
    float* row = f32 != nullptr ? f32 : reinterpret_cast<float*>(w.scratch);
    normalise(x, p.weight, p.eps, p.cols, row);
    write_row(row, p.cols, f32, q8);
  }
}

void combine_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker&) {
  const auto& p = *static_cast<const combine_params*>(params);
  const float_tag d;
  for (std::uint32_t r = begin; r < end; ++r) {
    float* x = p.x + std::size_t{r} * p.cols;
    const float* outputs = p.outputs + std::size_t{r} * p.top_k * p.cols;
    const float* weights = p.weights == nullptr ? nullptr : p.weights + std::size_t{r} * p.top_k;
    const auto weight = [&](std::uint32_t k) { return weights == nullptr ? 1.0F : weights[k]; };
    std::size_t i = 0;
    for (; i + lanes <= p.cols; i += lanes) {
      floats total = hn::Zero(d);
      for (std::uint32_t k = 0; k < p.top_k; ++k) {
        const floats y = hn::LoadU(d, outputs + std::size_t{k} * p.cols + i);
        total = hn::Add(total, hn::Mul(hn::Set(d, weight(k)), y));
      }
      hn::StoreU(hn::Add(hn::LoadU(d, x + i), total), d, x + i);
    }
    for (; i < p.cols; ++i) {
      float total = 0;
      for (std::uint32_t k = 0; k < p.top_k; ++k)
        total += weight(k) * outputs[std::size_t{k} * p.cols + i];
      x[i] += total;
    }
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(copy_items);
HWY_EXPORT(embed_items);
HWY_EXPORT(gather_items);
HWY_EXPORT(norm_items);
HWY_EXPORT(combine_items);
task::body_fn copy_body() { return &HWY_DYNAMIC_DISPATCH(copy_items); }
task::body_fn embed_body() { return &HWY_DYNAMIC_DISPATCH(embed_items); }
task::body_fn gather_rows_body() { return &HWY_DYNAMIC_DISPATCH(gather_items); }
task::body_fn rms_norm_body() { return &HWY_DYNAMIC_DISPATCH(norm_items); }
task::body_fn combine_body() { return &HWY_DYNAMIC_DISPATCH(combine_items); }
}  // namespace troupe::kernels::cpu
#endif
