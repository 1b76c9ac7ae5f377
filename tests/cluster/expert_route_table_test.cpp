#include "cluster/expert_route_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

/// Two shards of two layers with four experts each; some experts of the first are hot.
cluster_plan split_plan() {
  cluster_plan plan;
  plan.shards = {{{{0, 0, 2}, {1, 0, 3}}, {11, 12}}, {{{0, 2, 2}, {1, 3, 1}}, {13}}};
  return plan;
}

}  // namespace

TEST_CASE("without hot experts each shard is a route to its replicas") {
  const cluster_plan plan = split_plan();
  const std::vector<expert_route> routes = expert_routes_of(plan);
  REQUIRE(routes.size() == 2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    CHECK(routes[i].experts == plan.shards[i].owned);
    CHECK(routes[i].nodes.replicas == plan.shards[i].replicas);
    CHECK(routes[i].nodes.spread);
    CHECK(routes[i].shard == i);
  }
}

TEST_CASE("a hot expert is a route of its own, to all who hold it") {
  cluster_plan plan = split_plan();
  plan.hot = {{1, 1, {13, 14}}, {0, 3, {11}}, {1, 0, {}}};
  const std::vector<expert_route> routes = expert_routes_of(plan);
  REQUIRE(routes.size() == 4);
  CHECK(routes[0].experts == std::vector<expert_range>{{0, 0, 2}, {1, 0, 1}, {1, 2, 1}});
  CHECK(routes[1].experts == std::vector<expert_range>{{0, 2, 1}, {1, 3, 1}});
  CHECK(routes[2].experts == std::vector<expert_range>{{1, 1, 1}});
  CHECK(routes[2].nodes.replicas == std::vector<peer_id>{11, 12, 13, 14});
  CHECK(routes[2].nodes.spread);
  CHECK(routes[2].shard == 0);
  CHECK(routes[3].experts == std::vector<expert_range>{{0, 3, 1}});
  CHECK(routes[3].nodes.replicas == std::vector<peer_id>{13, 11});
  CHECK(routes[3].shard == 1);
}

TEST_CASE("a node applies what it holds itself, and every expert has one holder") {
  const temporary_directory folder;
  tiny_qwen3moe_gguf().write(folder.path() / "moe.gguf");
  const auto files = model_files::open(folder.path() / "moe.gguf");
  REQUIRE(files.has_value());
  cluster_plan plan = split_plan();
  plan.hot = {{1, 1, {13}}};
  const std::vector<expert_route> routes = expert_routes_of(plan);
  for (const peer_id self : {11U, 13U, 99U}) {
    for (std::uint32_t layer = 0; layer < 2; ++layer) {
      std::vector<int> held(4);
      for (const expert_holder& h : expert_holders(routes, layer, self, **files,
                                                   activation_mode::f32, expert_row_form::exact)) {
        for (std::uint32_t e = h.first; e < h.first + h.count; ++e) ++held[e];
        const std::vector<peer_id>& nodes = routes[h.shard].nodes.replicas;
        CHECK(h.remote == (std::ranges::find(nodes, self) == nodes.end()));
        CHECK((h.takes.f32 && !h.takes.q8));
      }
      CHECK(held == std::vector{1, 1, 1, 1});
    }
  }
}

}  // namespace troupe::test
