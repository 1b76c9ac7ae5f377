#include "runtime/model/rope_scaling.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace troupe {
namespace {

rope_parameters of(rope_kind kind) {
  rope_parameters p;
  p.kind = kind;
  p.theta = 1e6;
  p.dimensions = 16;
  p.factor = 4;
  p.original_context = 64;
  return p;
}

void check_close(const std::vector<float>& got, const std::vector<float>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

TEST_CASE("plain frequencies are powers of the base") {
  const auto rope = compute_rope(of(rope_kind::plain));
  REQUIRE(rope);
  check_close(rope->inv_freq, {1, 0.177827939F, 0.0316227786F, 0.00562341325F, 0.00100000005F,
                               0.00017782794F, 3.16227743e-05F, 5.62341347e-06F});
  CHECK(rope->scale == 1);
}

TEST_CASE("linear scaling divides every frequency") {
  const auto plain = compute_rope(of(rope_kind::plain));
  const auto linear = compute_rope(of(rope_kind::linear));
  REQUIRE(linear);
  for (std::size_t i = 0; i < 8; ++i) CHECK(linear->inv_freq[i] == plain->inv_freq[i] / 4);
}

TEST_CASE("YaRN agrees with the reference implementation") {
  const auto rope = compute_rope(of(rope_kind::yarn));
  REQUIRE(rope);
  // Computed with numpy in float32, step by step as transformers does.
  check_close(rope->inv_freq, {1.0F, 0.111142464F, 0.00790569466F, 0.00140585331F, 0.000250000012F,
                               4.44569851e-05F, 7.90569356e-06F, 1.40585337e-06F});
  CHECK(rope->scale == doctest::Approx(1.138629436111989));
}

TEST_CASE("YaRN's scale can be given, or follow from both mscales") {
  rope_parameters p = of(rope_kind::yarn);
  p.attention_factor = 0.5;
  CHECK(compute_rope(p)->scale == 0.5F);
  p.attention_factor.reset();
  p.mscale = 1;
  p.mscale_all_dim = 1;
  CHECK(compute_rope(p)->scale == 1.0F);
  p.mscale = 2;
  CHECK(compute_rope(p)->scale ==
        doctest::Approx((0.2 * std::log(4.0) + 1) / (0.1 * std::log(4.0) + 1)));
  p.mscale_all_dim.reset();
  CHECK(compute_rope(p)->scale == doctest::Approx(0.1 * std::log(4.0) + 1));
}

TEST_CASE("YaRN without truncation ramps between fractions of dimensions") {
  rope_parameters p = of(rope_kind::yarn);
  p.truncate = false;
  p.beta_fast = 4;
  p.beta_slow = 0.01;
  const auto fractions = compute_rope(p);
  p.truncate = true;
  const auto whole = compute_rope(p);
  REQUIRE(fractions);
  CHECK(fractions->inv_freq != whole->inv_freq);
  CHECK(fractions->inv_freq[0] == 1.0F);
  CHECK(fractions->inv_freq[7] == doctest::Approx(5.62341347e-06 / 4).epsilon(1e-5));
}

TEST_CASE("llama3 scaling keeps short wavelengths, divides long ones and blends between") {
  rope_parameters p = of(rope_kind::llama3);
  p.theta = 500000;
  p.dimensions = 64;
  p.factor = 32;
  p.original_context = 8192;
  const auto scaled = compute_rope(p);
  rope_parameters base = p;
  base.kind = rope_kind::plain;
  const auto plain = compute_rope(base);
  REQUIRE(scaled);
  for (std::size_t i = 0; i < 32; ++i) {
    const double f = plain->inv_freq[i];
    const double wavelength = 2 * 3.14159265358979323846 / f;
    double expected = f;
    if (wavelength > 8192) {
      expected = f / 32;
    } else if (wavelength >= 2048) {
      const double smooth = (8192 / wavelength - 1) / 3;
      expected = (1 - smooth) * f / 32 + smooth * f;
    }
    CHECK(scaled->inv_freq[i] == doctest::Approx(expected).epsilon(1e-5));
  }
}

TEST_CASE("only YaRN stretches the context, and never shrinks it") {
  CHECK(stretched_context(of(rope_kind::yarn), 64) == 256);
  CHECK(stretched_context(of(rope_kind::yarn), 1000) == 1000);
  CHECK(stretched_context(of(rope_kind::linear), 64) == 64);
  rope_parameters p = of(rope_kind::yarn);
  p.factor = 1e30;
  CHECK(stretched_context(p, 64) == 1U << 28U);
}

TEST_CASE("parameters that give no finite frequencies are refused") {
  const auto refused = [](rope_kind kind, auto change) {
    rope_parameters p = of(kind);
    change(p);
    return !compute_rope(p);
  };
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.theta = 1; }));
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.theta = -5; }));
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.theta = HUGE_VAL; }));
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.dimensions = 7; }));
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.dimensions = 0; }));
  CHECK(refused(rope_kind::plain, [](rope_parameters& p) { p.dimensions = 1U << 30U; }));
  CHECK(refused(rope_kind::linear, [](rope_parameters& p) { p.factor = 0; }));
  CHECK(refused(rope_kind::yarn, [](rope_parameters& p) { p.original_context = 0; }));
  CHECK(refused(rope_kind::yarn, [](rope_parameters& p) { p.beta_fast = -1; }));
  CHECK(refused(rope_kind::llama3, [](rope_parameters& p) { p.high_freq_factor = 1; }));
}

}  // namespace
}  // namespace troupe
