#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

static_assert(linear_columns == tile_rows);

/// One row's share of a tile: bias, then residual, are added to the finished product.
void write(const linear_params& p, std::uint32_t row, std::uint32_t first, const float* product) {
  const std::uint32_t count =
      p.w.rows - first < tile_rows ? p.w.rows - first : std::uint32_t{tile_rows};
  const std::size_t at = std::size_t{row} * p.y_stride + first;
  for (std::uint32_t n = 0; n < count; ++n) {
    float value = product[n];
    if (p.bias != nullptr) value += p.bias[first + n];
    if (p.residual != nullptr) value += p.residual[at + n];
    p.y[at + n] = value;
  }
}

void linear_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& p = *static_cast<const linear_params*>(params);
  const bool q8 = p.x.q8 != nullptr && is_integer_quantised(p.w.type);
  const auto* x = q8 ? p.x.q8 : reinterpret_cast<const std::byte*>(p.x.f32);
  const std::size_t x_bytes = q8 ? q8_row_bytes(p.w.cols) : p.w.cols * sizeof(float);

  const std::size_t spare = spare_bytes(p.w, q8);
  const bool unpacked =
      worth_unpacking(p.w, q8, p.rows) && spare + tile_bytes(p.w, q8, true) <= w.scratch_bytes;
  tile t;
  alignas(64) float product[multiply_rows * tile_rows];
  for (std::uint32_t item = begin; item < end; ++item) {
    const std::uint32_t first = item * tile_rows;
    prepare(t, p.w, first, q8, unpacked, w.scratch + spare, reinterpret_cast<float*>(w.scratch));
    for (std::uint32_t r = 0; r < p.rows; r += multiply_rows) {
      const std::uint32_t count = p.rows - r < multiply_rows ? p.rows - r : multiply_rows;
      const std::byte* rows[multiply_rows];
      for (std::uint32_t i = 0; i < count; ++i) rows[i] = x + x_bytes * (r + i);
      multiply(t, rows, count, product);
      for (std::uint32_t i = 0; i < count; ++i)
        write(p, r + i, first, product + std::size_t{i} * tile_rows);
    }
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(linear_items);
task::body_fn linear_body() { return &HWY_DYNAMIC_DISPATCH(linear_items); }
}  // namespace troupe::kernels::cpu
#endif
