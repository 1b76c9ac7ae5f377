#include "actors/engine/memory_plan.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

model_config model() {
  model_config m;
  m.layers = 2;
  m.kv_heads = 4;
  m.head_dim = 64;
  m.context = 1000;
  return m;
}

constexpr std::size_t page =
    2 * 2 * 4 * 64 * 16 * 2;  // layers, k and v, heads, head_dim, positions, f16

TEST_CASE("KV gets what was asked for, and a context that does not fit is cut to it") {
  engine_config c;
  c.kv_bytes = page * 10 + 5;
  const memory_plan p = plan_memory(model(), c, 1000, std::size_t{1} << 30U).value();
  CHECK(p.kv_pages == 10);
  CHECK(p.kv_bytes == page * 10);
  CHECK(p.kv_bytes_per_token == page / 16);
  CHECK(p.context == 160);
}

TEST_CASE("by default KV takes a quarter of what is left, at most what can be used") {
  engine_config c;
  CHECK(plan_memory(model(), c, 0, page * 400).value().kv_pages == 100);
  CHECK(plan_memory(model(), c, 0, std::size_t{1} << 40U).value().kv_pages == 63 * 64);
  c.context = 100;
  CHECK(plan_memory(model(), c, 0, std::size_t{1} << 40U).value().context == 100);
}

TEST_CASE("weights, settings or a page that do not fit are refused with the arithmetic") {
  engine_config c;
  const auto weights = plan_memory(model(), c, std::size_t{3} << 30U, std::size_t{2} << 30U);
  REQUIRE_FALSE(weights);
  CHECK(weights.error().code() == errc::out_of_memory);
  CHECK(weights.error().message() ==
        "the weights take 3.00 GiB and 2.00 GiB of memory are available");
  CHECK_FALSE(plan_memory(model(), c, 0, page * 3));
  c.kv_bytes = std::size_t{4} << 30U;
  CHECK(plan_memory(model(), c, 0, std::size_t{2} << 30U).error().code() == errc::out_of_memory);
}

TEST_CASE("some memory is available") { CHECK(available_memory() > (64U << 20U)); }

}  // namespace
}  // namespace troupe
