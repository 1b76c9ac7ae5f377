#include <doctest/doctest.h>

#include <vector>

#include "kernels/cpu/target.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

TEST_CASE("a target can be pinned, and an unknown one is refused") {
  const std::vector<std::string> names = cpu::supported_targets();
  REQUIRE(!names.empty());
  CHECK(cpu::target() == names.front());
  CHECK(cpu_backend().target() == names.front());
  CHECK(cpu::set_target(names.back()));
  CHECK(cpu::target() == names.back());
  CHECK_FALSE(cpu::set_target("Z80"));
  CHECK(cpu::target() == names.back());
  CHECK(cpu::set_target(names.front()));
}

TEST_CASE("operations whose shapes do not fit are refused before anything runs") {
  generator random(51);
  shuffled_stream s;
  backend& b = cpu_backend();
  const owned_matrix w(dtype::q4_1, 32, 64, random);
  owned_activation x = owned_activation::random(2, 64, true, random);
  std::vector<float> y(64);
  const linear_params good{x.view(), w.view(), nullptr, nullptr, y.data(), 2, 32};
  CHECK(b.linear(s, good) == status::ok);

  linear_params p = good;
  p.x.cols = 32;
  CHECK(b.linear(s, p) == status::invalid_shape);
  p = good;
  p.y_stride = 31;
  CHECK(b.linear(s, p) == status::invalid_shape);
  p = good;
  p.w.cols = p.x.cols = 48;  // not whole blocks
  CHECK(b.linear(s, p) == status::invalid_shape);
  p = good;
  p.w.type = dtype::f8_e4m3;  // no scales
  CHECK(b.linear(s, p) == status::invalid_shape);
  p = good;
  p.x.f32 = nullptr;
  p.w.type = dtype::f16;  // needs float32 activations
  CHECK(b.linear(s, p) == status::invalid_shape);
  p = good;
  p.rows = 0;
  CHECK(b.linear(s, p) == status::ok);

  std::vector<float> logits(8);
  std::vector<std::int32_t> ids(8);
  CHECK(b.route(s, {logits.data(), ids.data(), y.data(), 1, 4, 5, true}) == status::invalid_shape);
}

}  // namespace troupe::kernels::test
