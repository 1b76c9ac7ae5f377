#include "kernels/cpu/cost.hpp"

#include <doctest/doctest.h>

#include <string>

namespace troupe::kernels::test {

TEST_CASE("a product costs its weights once and each row's part that it reads") {
  float f32 = 0;
  std::byte q8{};
  const matrix w{.data = &q8, .type = dtype::q4_1, .rows = 64, .cols = 32};
  linear_params p;
  p.x = {&f32, &q8, 32};
  p.w = w;
  p.rows = 3;
  cpu::task_cost c = cpu::cost(p);
  CHECK(std::string(c.operation) == "linear");
  CHECK(c.integer);
  CHECK(c.operations == 2.0 * 3 * 64 * 32);
  CHECK(c.bytes == 64 * 20 + 3 * static_cast<double>(q8_row_bytes(32)) + 3 * 64 * 4);
  p.x.q8 = nullptr;
  p.residual = &f32;
  c = cpu::cost(p);
  CHECK_FALSE(c.integer);
  CHECK(c.bytes == 64 * 20 + 3 * 32 * 4 + 2 * 3 * 64 * 4);
}

TEST_CASE("attention reads a sequence's keys and values once, and each row sees its own past") {
  const std::int32_t position[] = {10, 11, 12, 4};
  const std::uint32_t sequence[] = {0, 0, 0, 1};
  float qkv = 0;
  attention_params p;
  p.qkv = &qkv;
  p.cache = {nullptr, nullptr, kv_type::f16, 16, 2, 8};
  p.where = {position, sequence, nullptr, 4};
  p.out = {&qkv, nullptr, 32};
  p.heads = 4;
  const cpu::task_cost c = cpu::cost(p);
  CHECK(c.operations == 4.0 * (11 + 12 + 13 + 5) * 4 * 8);
  CHECK(c.bytes == (13 + 5) * 2 * 2 * 8 * 2 + 4 * 32 * 4 + 4 * 32 * 4);
}

TEST_CASE("experts cost what was chosen, which is known once they are grouped") {
  std::byte data{};
  const matrix up{.data = &data, .type = dtype::q8_0, .rows = 64, .cols = 32};
  const matrix down{.data = &data, .type = dtype::q8_0, .rows = 32, .cols = 64};
  const expert_weights experts[3] = {{up, up, down}, {up, up, down}, {up, up, down}};
  const std::uint32_t offsets[] = {0, 3, 3, 4};
  float f32 = 0;
  const expert_up_params first{experts, offsets, nullptr, {&f32, nullptr, 32}, {&f32, nullptr, 64},
                               3,       2,       2};
  const cpu::task_cost a = cpu::cost(first);
  CHECK(a.operations == 2.0 * 4 * (64 + 64) * 32);
  CHECK(a.bytes == 2 * (2 * 64 * 34) + 4 * 32 * 4 + 4 * 64 * 4);
  const expert_down_params second{experts, offsets, nullptr, {&f32, nullptr, 64}, &f32, 3, 2, 2};
  const cpu::task_cost b = cpu::cost(second);
  CHECK(b.operations == 2.0 * 4 * 32 * 64);
  CHECK(b.bytes == 2 * (32 * 2 * 34) + 4 * 64 * 4 + 4 * 32 * 4);
  const std::uint32_t none[] = {0, 0, 0, 0};
  expert_down_params idle = second;
  idle.offsets = none;
  CHECK(cpu::cost(idle).bytes == 0);
  CHECK(cpu::cost(idle).operations == 0);
}

}  // namespace troupe::kernels::test
