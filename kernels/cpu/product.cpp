#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/product.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/simd/product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Floats of one unpacked row: whole vectors, the last filled up with zeros.
std::size_t padded(std::uint32_t cols) { return (std::size_t{cols} + 15) / 16 * 16; }

bool loads_directly(dtype type) {
  return type == dtype::f32 || type == dtype::f16 || type == dtype::bf16;
}

/// True if turning a tile into float32 first pays for this many activation rows. Types that a load
/// widens are read as they are: half the bytes, and the conversion runs beside the multiply-adds.
bool worth_unpacking(const matrix& w, std::uint32_t rows) {
  return !loads_directly(w.type) && rows > (many_registers ? 8 : 4);
}

std::size_t unpacked_bytes(const matrix& w) { return padded(w.cols) * tile_rows * sizeof(float); }

}  // namespace

tile_plan plan_tiles(const matrix& w, bool q8, std::uint32_t rows, std::size_t scratch) {
  tile_plan plan;
  plan.q8 = q8;
  if (q8) {
    if (w.layout == weight_layout::rows)
      plan.store_bytes = packed_format_of(w.type).tile_bytes(w.cols);
    return plan;
  }
  if (!loads_directly(w.type)) plan.spare_bytes = padded(w.cols) * 4 * sizeof(float);
  plan.unpacked = worth_unpacking(w, rows) && plan.spare_bytes + unpacked_bytes(w) <= scratch;
  if (plan.unpacked) plan.store_bytes = unpacked_bytes(w);
  return plan;
}

void prepare(tile& t, const matrix& w, std::uint32_t first, const tile_plan& plan, std::byte* store,
             float* spare) {
  t.w = &w;
  t.first = first;
  t.q8 = plan.q8;
  if (plan.q8) {
    t.packed = store;
    if (w.layout == weight_layout::tiles)
      t.packed = w.data + first / tile_rows * packed_format_of(w.type).tile_bytes(w.cols);
    else
      pack_tile(w, first, store);
    return;
  }
  const std::size_t bytes = row_bytes(w.type, w.cols);
  for (std::uint32_t n = 0; n < tile_rows; ++n)
    t.rows[n] = w.data + bytes * (first + n < w.rows ? first + n : w.rows - 1);
  t.unpacked = plan.unpacked;
  t.store = store;
  t.spare = spare;
  prepare_f32(t);
}

void multiply(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  if (t.q8)
    multiply_q8(t, x, count, out);
  else
    multiply_f32(t, x, count, out);
}

void multiply_two(const tile& a, const tile& b, const std::byte* const* x, std::uint32_t count,
                  float* out_a, float* out_b) {
  // With few registers or rows there is nothing to share.
  if (a.q8 && a.w->type == b.w->type && many_registers && count >= 2)
    return multiply_two_q8(a, b, x, count, out_a, out_b);
  multiply(a, x, count, out_a);
  multiply(b, x, count, out_b);
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
