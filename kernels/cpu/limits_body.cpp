#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/limits_body.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/limits_body.hpp"
#include "kernels/cpu/simd/intrinsics-inl.hpp"

// Loops that do one thing as fast as the machine can. Sums are kept and stored, so that no compiler
// may leave the work out.

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

void read_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const std::byte* const memory = *static_cast<const std::byte* const*>(params);
  const int_tag d;
  constexpr std::size_t step = 4 * lanes * sizeof(std::int32_t);
  ints s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  const std::byte* const last = memory + end * limits_piece;
  for (const std::byte* at = memory + begin * limits_piece; at < last; at += step) {
    const auto* x = reinterpret_cast<const std::int32_t*>(at);
    s0 = hn::Xor(s0, hn::LoadU(d, x));
    s1 = hn::Xor(s1, hn::LoadU(d, x + lanes));
    s2 = hn::Xor(s2, hn::LoadU(d, x + 2 * lanes));
    s3 = hn::Xor(s3, hn::LoadU(d, x + 3 * lanes));
  }
  hn::StoreU(hn::Xor(hn::Xor(s0, s1), hn::Xor(s2, s3)), d,
             reinterpret_cast<std::int32_t*>(w.scratch));
}

/// Operand vectors, which stay in L1: two are loaded for eight products, as matrix kernels do.
constexpr std::size_t operand_vectors = 64;
constexpr std::size_t products = operand_vectors * 4;  ///< vector products of a pass over them

/// Passes over the operands that make the operations of `items`; `width` multiply-adds a product.
std::size_t passes(std::uint32_t items, std::size_t width) {
  return items * (limits_operations / (2 * products * width));
}

void int8_items(const void*, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const int_tag d;
  auto* x = reinterpret_cast<std::int32_t*>(w.scratch);
  for (std::size_t i = 0; i < operand_vectors * lanes; ++i)
    x[i] = static_cast<std::int32_t>((i * 0x01010101U) & 0x07070707U);
  const ints x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + lanes);
  const ints x2 = hn::LoadU(d, x + 2 * lanes), x3 = hn::LoadU(d, x + 3 * lanes);
  ints s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (std::size_t pass = passes(end - begin, 4 * lanes); pass > 0; --pass) {
    for (std::size_t v = 0; v < operand_vectors; v += 2) {
      const ints a = hn::LoadU(d, x + v * lanes);
      const ints b = hn::LoadU(d, x + (v + 1) * lanes);
      s0 = dot4(s0, a, x0);
      s1 = dot4(s1, a, x1);
      s2 = dot4(s2, a, x2);
      s3 = dot4(s3, a, x3);
      s4 = dot4(s4, b, x0);
      s5 = dot4(s5, b, x1);
      s6 = dot4(s6, b, x2);
      s7 = dot4(s7, b, x3);
    }
  }
  const ints front = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
  hn::StoreU(hn::Add(front, hn::Add(hn::Add(s4, s5), hn::Add(s6, s7))), d, x);
}

void f32_items(const void*, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const float_tag d;
  auto* x = reinterpret_cast<float*>(w.scratch);
  for (std::size_t i = 0; i < operand_vectors * lanes; ++i)
    x[i] = static_cast<float>(i % 7) * 0.125F;
  const floats x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + lanes);
  const floats x2 = hn::LoadU(d, x + 2 * lanes), x3 = hn::LoadU(d, x + 3 * lanes);
  floats s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (std::size_t pass = passes(end - begin, lanes); pass > 0; --pass) {
    for (std::size_t v = 0; v < operand_vectors; v += 2) {
      const floats a = hn::LoadU(d, x + v * lanes);
      const floats b = hn::LoadU(d, x + (v + 1) * lanes);
      s0 = hn::MulAdd(a, x0, s0);
      s1 = hn::MulAdd(a, x1, s1);
      s2 = hn::MulAdd(a, x2, s2);
      s3 = hn::MulAdd(a, x3, s3);
      s4 = hn::MulAdd(b, x0, s4);
      s5 = hn::MulAdd(b, x1, s5);
      s6 = hn::MulAdd(b, x2, s6);
      s7 = hn::MulAdd(b, x3, s7);
    }
  }
  const floats front = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
  hn::StoreU(hn::Add(front, hn::Add(hn::Add(s4, s5), hn::Add(s6, s7))), d, x);
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(read_items);
HWY_EXPORT(int8_items);
HWY_EXPORT(f32_items);
task::body_fn limits_read_body() { return &HWY_DYNAMIC_DISPATCH(read_items); }
task::body_fn limits_int8_body() { return &HWY_DYNAMIC_DISPATCH(int8_items); }
task::body_fn limits_f32_body() { return &HWY_DYNAMIC_DISPATCH(f32_items); }
}  // namespace troupe::kernels::cpu
#endif
