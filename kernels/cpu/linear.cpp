#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// One row's share of a tile: bias, then residual, are added to the finished product.
HWY_INLINE void write(const linear_params& p, std::uint32_t row, std::uint32_t first,
                      const float* product) {
  const float_tag d;
  const std::uint32_t count =
      p.w.rows - first < tile_rows ? p.w.rows - first : std::uint32_t{tile_rows};
  const std::size_t at = std::size_t{row} * p.y_stride + first;
  std::uint32_t n = 0;
  for (; n + lanes <= count; n += lanes) {
    floats value = hn::LoadU(d, product + n);
    if (p.bias != nullptr) value = hn::Add(value, hn::LoadU(d, p.bias + first + n));
    if (p.residual != nullptr) value = hn::Add(value, hn::LoadU(d, p.residual + at + n));
    hn::StoreU(value, d, p.y + at + n);
  }
  for (; n < count; ++n) {
    float value = product[n];
    if (p.bias != nullptr) value += p.bias[first + n];
    if (p.residual != nullptr) value += p.residual[at + n];
    p.y[at + n] = value;
  }
}

/// Items [begin, end) of one product.
void multiply_items(const linear_params& p, std::uint32_t begin, std::uint32_t end,
                    const worker& w) {
  const bool q8 = p.x.q8 != nullptr && is_integer_quantised(p.w.type);
  const auto* x = q8 ? p.x.q8 : reinterpret_cast<const std::byte*>(p.x.f32);
  const std::size_t x_bytes = q8 ? q8_row_bytes(p.w.cols) : p.w.cols * sizeof(float);
  const std::uint32_t width = linear_columns(p.rows);
  const tile_plan plan = plan_tiles(p.w, q8, p.rows, w.scratch_bytes / 2);
  auto* spare = reinterpret_cast<float*>(w.scratch);
  std::byte* store = w.scratch + plan.spare_bytes;
  tile t[2];
  alignas(64) float product[2][multiply_rows * tile_rows];
  for (std::uint32_t item = begin; item < end; ++item) {
    const std::uint32_t first = item * width;
    const std::uint32_t tiles = width > tile_rows && p.w.rows - first > tile_rows ? 2 : 1;
    for (std::uint32_t i = 0; i < tiles; ++i)
      prepare(t[i], p.w, first + i * tile_rows, plan, store + i * plan.store_bytes, spare);
    for (std::uint32_t r = 0; r < p.rows; r += multiply_rows) {
      const std::uint32_t count = p.rows - r < multiply_rows ? p.rows - r : multiply_rows;
      const std::byte* rows[multiply_rows];
      for (std::uint32_t i = 0; i < count; ++i) rows[i] = x + x_bytes * (r + i);
      if (tiles == 2)
        multiply_two(t[0], t[1], rows, count, product[0], product[1]);
      else
        multiply(t[0], rows, count, product[0]);
      for (std::uint32_t i = 0; i < count; ++i)
        for (std::uint32_t k = 0; k < tiles; ++k)
          write(p, r + i, first + k * tile_rows, product[k] + std::size_t{i} * tile_rows);
    }
  }
}

void linear_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  multiply_items(*static_cast<const linear_params*>(params), begin, end, w);
}

void projections_items(const void* params, std::uint32_t begin, std::uint32_t end,
                       const worker& w) {
  const auto& p = *static_cast<const projections_params*>(params);
  float* y = p.y;
  for (std::uint32_t i = 0; i < projections_params::most && begin < end; ++i) {
    const std::uint32_t width = linear_columns(p.rows);
    const std::uint32_t items = (p.w[i].rows + width - 1) / width;
    if (p.w[i] && begin < items) {
      const linear_params part{p.x, p.w[i], p.bias[i], nullptr, y, p.rows, p.y_stride};
      multiply_items(part, begin, end < items ? end : items, w);
    }
    begin = begin < items ? 0 : begin - items;
    end = end < items ? 0 : end - items;
    y += p.w[i].rows;
  }
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(linear_items);
HWY_EXPORT(projections_items);
task::body_fn linear_body() { return &HWY_DYNAMIC_DISPATCH(linear_items); }
task::body_fn projections_body() { return &HWY_DYNAMIC_DISPATCH(projections_items); }
}  // namespace troupe::kernels::cpu
#endif
