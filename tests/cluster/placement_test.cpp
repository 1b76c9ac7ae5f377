#include "cluster/placement.hpp"

#include <doctest/doctest.h>

#include <set>

namespace troupe {
namespace {

model_config model_of(std::uint32_t layers, std::uint32_t experts) {
  model_config c;
  c.layers = layers;
  c.experts = experts;
  c.top_k = experts > 0 ? 2 : 0;
  c.sparse.assign(layers, experts > 0);
  return c;
}

TEST_CASE("stages cover every layer once, in order, and differ by at most one layer") {
  for (std::uint32_t layers = 1; layers < 40; ++layers) {
    for (std::uint32_t stages = 1; stages <= layers; ++stages) {
      const placement p = plan_placement(model_of(layers, 0), stages, 1, 7).value();
      CHECK(p.epoch == 7);
      REQUIRE(p.stages.size() == stages);
      std::uint32_t next = 0;
      for (const layer_range& r : p.stages) {
        REQUIRE(r.first == next);
        REQUIRE(r.count() >= layers / stages);
        REQUIRE(r.count() <= layers / stages + 1);
        next = r.last;
      }
      REQUIRE(next == layers);
    }
  }
}

TEST_CASE("every expert of every layer has exactly one shard, and shards are even") {
  for (const std::uint32_t experts : {0U, 1U, 3U, 16U, 128U}) {
    for (std::uint32_t shards = 1; shards <= 9; ++shards) {
      const model_config model = model_of(6, experts);
      const placement p = plan_placement(model, 1, shards, 1).value();
      std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
      for (const auto& owned : p.shards) {
        REQUIRE_FALSE(owned.empty());
        for (const expert_range& r : owned) {
          for (std::uint32_t e = r.first; e < r.first + r.count; ++e)
            REQUIRE(seen.insert({r.layer, e}).second);
          if (experts > 0) REQUIRE(r.count <= experts / shards + 1);
        }
      }
      REQUIRE(seen.size() == 6U * (experts > 0 ? experts : 1U));
      for (std::uint32_t layer = 0; layer < 6; ++layer) REQUIRE_FALSE(p.shards_of(layer).empty());
    }
  }
}

TEST_CASE("impossible placements are refused with the numbers") {
  const model_config model = model_of(4, 8);
  CHECK(plan_placement(model, 0, 1, 1).error().code() == errc::invalid_argument);
  CHECK(plan_placement(model, 5, 1, 1).error().message() ==
        "5 stages: a model of 4 layers takes 1 to 4");
  CHECK(plan_placement(model, 1, 0, 1).error().code() == errc::invalid_argument);
}

}  // namespace
}  // namespace troupe
