// RMSNorm of one row, compiled once per instruction set.
#if defined(TROUPE_NORM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_NORM_INL
#undef TROUPE_NORM_INL
#else
#define TROUPE_NORM_INL
#endif

#include <cmath>

#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

/// out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]; `out` may be x.
HWY_INLINE void normalise(const float* x, const float* weight, float eps, std::uint32_t cols,
                          float* out) {
  const float_tag d;
  floats squares = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= cols; i += lanes) {
    const floats v = hn::LoadU(d, x + i);
    squares = hn::MulAdd(v, v, squares);
  }
  float total = sum(squares);
  for (; i < cols; ++i) total += x[i] * x[i];
  const float factor = 1.0F / std::sqrt(total / static_cast<float>(cols) + eps);
  const floats factors = hn::Set(d, factor);
  for (i = 0; i + lanes <= cols; i += lanes) {
    const floats scaled = hn::Mul(hn::LoadU(d, x + i), factors);
    hn::StoreU(hn::Mul(scaled, hn::LoadU(d, weight + i)), d, out + i);
  }
  for (; i < cols; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
