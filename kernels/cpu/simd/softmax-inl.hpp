// Softmax of one block of scores, and sums of such blocks, compiled once per instruction set.
#if defined(TROUPE_SOFTMAX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TROUPE_SOFTMAX_INL
#undef TROUPE_SOFTMAX_INL
#else
#define TROUPE_SOFTMAX_INL
#endif

#include <limits>

#include "kernels/cpu/simd/math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace troupe::kernels::cpu::HWY_NAMESPACE {

// Scores here are logarithms to base 2: queries were multiplied by log2(e) on their way in.

/// What blocks made for some query vectors: the largest score of each, the sum of its weights
/// 2^(score - largest), and its values weighted so, not yet divided by that sum.
struct partial {
  float* max;
  float* sum;
  float* values;  // `width` apart, a multiple of 16
  std::size_t width;

  static partial at(float* from, std::size_t queries, std::size_t width) {
    return {from, from + queries, from + 2 * queries, width};
  }
};

/// Turns `count` scores to weights in place, with zeros after them up to `padded`, a multiple of
/// 16.
HWY_INLINE void soften(float* scores, std::uint32_t count, std::uint32_t padded, float& max,
                       float& total) {
  const float_tag d;
  const std::size_t whole = count / lanes * lanes;
  const auto rest = hn::FirstN(d, count - whole);
  floats most = hn::Set(d, std::numeric_limits<float>::lowest());
  for (std::size_t i = 0; i < whole; i += lanes) most = hn::Max(most, hn::LoadU(d, scores + i));
  if (whole < count) most = hn::Max(most, hn::IfThenElse(rest, hn::LoadU(d, scores + whole), most));
  max = hn::GetLane(hn::MaxOfLanes(d, most));

  const floats peak = hn::Set(d, max);
  floats sums = hn::Zero(d);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const floats weight = exp2(hn::Sub(hn::LoadU(d, scores + i), peak));
    hn::StoreU(weight, d, scores + i);
    sums = hn::Add(sums, weight);
  }
  std::size_t i = whole;
  if (whole < count) {
    // What lies behind the last score may be anything.
    const floats weight =
        hn::IfThenElseZero(rest, exp2(hn::Sub(hn::LoadU(d, scores + whole), peak)));
    hn::StoreU(weight, d, scores + whole);
    sums = hn::Add(sums, weight);
    i += lanes;
  }
  total = sum(sums);
  for (; i < padded; i += lanes) hn::StoreU(hn::Zero(d), d, scores + i);
}

HWY_INLINE float exp2_one(float x) { return hn::GetLane(exp2(hn::Set(float_tag(), x))); }

/// Adds the partial of a block to that of the blocks before it (online softmax, Milakov &
/// Gimelshein 2018), for query vectors from .. to.
HWY_INLINE void add_partial(const partial& into, const partial& block, std::uint32_t from,
                            std::uint32_t to) {
  const float_tag d;
  for (std::uint32_t m = from; m < to; ++m) {
    const float peak = into.max[m] > block.max[m] ? into.max[m] : block.max[m];
    const float before = exp2_one(into.max[m] - peak);
    const float now = exp2_one(block.max[m] - peak);
    into.max[m] = peak;
    into.sum[m] = into.sum[m] * before + block.sum[m] * now;
    float* values = into.values + m * into.width;
    const float* added = block.values + m * block.width;
    for (std::size_t c = 0; c < into.width; c += lanes) {
      const floats old = hn::Mul(hn::LoadU(d, values + c), hn::Set(d, before));
      hn::StoreU(hn::MulAdd(hn::LoadU(d, added + c), hn::Set(d, now), old), d, values + c);
    }
  }
}

/// Divides values by their sums: `head_dim` of query vectors from .. to, side by side at `out`.
HWY_INLINE void divide(const partial& p, std::uint32_t from, std::uint32_t to,
                       std::uint32_t head_dim, float* out) {
  const float_tag d;
  for (std::uint32_t m = from; m < to; ++m, out += head_dim) {
    const floats factor = hn::Set(d, 1.0F / p.sum[m]);
    float* values = p.values + m * p.width;
    // Positions that a row does not see add 0 to it where rows share a block, which may turn -0 to
    // 0; adding 0 here does so for every row.
    for (std::size_t c = 0; c < p.width; c += lanes)
      hn::StoreU(hn::MulAdd(hn::LoadU(d, values + c), factor, hn::Zero(d)), d, values + c);
    std::memcpy(out, values, head_dim * sizeof(float));
  }
}

}  // namespace troupe::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
