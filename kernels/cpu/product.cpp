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

}  // namespace

std::size_t tile_bytes(const matrix& w, bool q8, bool unpacked) {
  if (!q8) return unpacked ? padded(w.cols) * tile_rows * sizeof(float) : 0;
  const std::size_t scales = std::size_t{w.cols} / q8_group * tile_rows * 2 * sizeof(float);
  return scales + (unpacked ? std::size_t{w.cols} * tile_rows : 0);
}

std::size_t spare_bytes(const matrix& w, bool q8) {
  return q8 || loads_directly(w.type) ? 0 : padded(w.cols) * 4 * sizeof(float);
}

bool worth_unpacking(const matrix& w, bool q8, std::uint32_t rows) {
  if (q8) return rows > 4;
  return w.type != dtype::f32 && rows > multiply_rows;
}

void prepare(tile& t, const matrix& w, std::uint32_t first, bool q8, bool unpacked,
             std::byte* store, float* spare) {
  const std::size_t bytes = row_bytes(w.type, w.cols);
  for (std::uint32_t n = 0; n < tile_rows; ++n)
    t.rows[n] = w.data + bytes * (first + n < w.rows ? first + n : w.rows - 1);
  t.w = &w;
  t.first = first;
  t.q8 = q8;
  t.unpacked = unpacked;
  t.store = store;
  t.spare = spare;
  if (q8)
    prepare_q8(t);
  else
    prepare_f32(t);
}

void multiply(const tile& t, const std::byte* const* x, std::uint32_t count, float* out) {
  if (t.q8)
    multiply_q8(t, x, count, out);
  else
    multiply_f32(t, x, count, out);
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
