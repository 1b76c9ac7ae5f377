#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/route.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "kernels/cpu/bodies.hpp"
#include "kernels/cpu/simd/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {
namespace {

/// Softmax of `count` logits into `out`, which has room for whole vectors.
void softmax(const float* logits, std::uint32_t count, float* out) {
  const float_tag d;
  float peak = logits[0];
  for (std::uint32_t i = 1; i < count; ++i) peak = logits[i] > peak ? logits[i] : peak;
  std::memcpy(out, logits, count * sizeof(float));
  for (std::size_t i = 0; i < count; i += lanes)
    hn::StoreU(exp(hn::Sub(hn::LoadU(d, out + i), hn::Set(d, peak))), d, out + i);
  float total = 0;
  for (std::uint32_t i = 0; i < count; ++i) total += out[i];
  for (std::uint32_t i = 0; i < count; ++i) out[i] /= total;
}

/// The index of the largest value, the lowest such; marks it as taken.
std::uint32_t take_largest(float* values, std::uint32_t count) {
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < count; ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

void route_items(const void* params, std::uint32_t begin, std::uint32_t end, const worker& w) {
  const auto& p = *static_cast<const route_params*>(params);
  auto* odds = reinterpret_cast<float*>(w.scratch);
  std::memset(odds, 0, (std::size_t{p.experts} + lanes) * sizeof(float));
  for (std::uint32_t r = begin; r < end; ++r) {
    softmax(p.logits + std::size_t{r} * p.experts, p.experts, odds);
    std::int32_t* ids = p.ids + std::size_t{r} * p.top_k;
    float* weights = p.weights + std::size_t{r} * p.top_k;
    float total = 0;
    for (std::uint32_t k = 0; k < p.top_k; ++k) {
      const std::uint32_t best = take_largest(odds, p.experts);
      ids[k] = static_cast<std::int32_t>(best);
      weights[k] = odds[best];
      total += odds[best];
      odds[best] = -1.0F;
    }
    if (!p.normalise) continue;
    for (std::uint32_t k = 0; k < p.top_k; ++k) weights[k] /= total;
  }
}

void group_items(const void* params, std::uint32_t, std::uint32_t, const worker&) {
  const auto& p = *static_cast<const group_params*>(params);
  const std::size_t slots = std::size_t{p.rows} * p.top_k;
  const auto local = [&](std::size_t slot) {
    const auto id = static_cast<std::uint32_t>(p.ids[slot]);
    return id - p.first;  // at least `count` when it is another shard's, by wrapping too
  };
  for (std::uint32_t e = 0; e <= p.count; ++e) p.offsets[e] = 0;
  for (std::size_t s = 0; s < slots; ++s)
    if (local(s) < p.count) ++p.offsets[local(s) + 1];
  for (std::uint32_t e = 0; e < p.count; ++e) p.offsets[e + 1] += p.offsets[e];
  // Each offset walks to its expert's end, which is where the next began; then all move up by one.
  for (std::size_t s = 0; s < slots; ++s)
    if (local(s) < p.count) p.slots[p.offsets[local(s)]++] = static_cast<std::uint32_t>(s);
  for (std::uint32_t e = p.count; e > 0; --e) p.offsets[e] = p.offsets[e - 1];
  p.offsets[0] = 0;
}

}  // namespace
}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace troupe::kernels::cpu {
HWY_EXPORT(route_items);
HWY_EXPORT(group_items);
task::body_fn route_body() { return &HWY_DYNAMIC_DISPATCH(route_items); }
task::body_fn group_body() { return &HWY_DYNAMIC_DISPATCH(group_items); }
}  // namespace troupe::kernels::cpu
#endif
