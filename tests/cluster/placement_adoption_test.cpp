#include "cluster/placement_adoption.hpp"

#include <doctest/doctest.h>

#include "tests/cluster/cluster_support.hpp"

namespace troupe {
namespace {

placement_wishes wish(std::uint32_t redundancy) {
  placement_wishes w;
  w.redundancy = redundancy;
  w.kv_positions = 64;
  w.kv_position_bytes = 1024;
  return w;
}

/// What each node of a plan would bring to the next supervisor, but for those that are lost.
std::vector<node_holdings> brought(const cluster_plan& plan, std::size_t nodes,
                                   const std::vector<peer_id>& lost = {}) {
  std::vector<node_holdings> all;
  for (peer_id p = 1; p <= nodes; ++p) {
    if (std::ranges::find(lost, p) != lost.end()) continue;
    node_holdings n{p, {}};
    for (const stage_home& s : plan.stages)
      if (s.primary == p || std::ranges::find(s.buddies, p) != s.buddies.end())
        n.stages.push_back({s.layers, s.primary == p});
    all.push_back(std::move(n));
  }
  return all;
}

TEST_CASE("what a former supervisor placed is adopted as it was") {
  const model_sizes sizes = test::even_model(12, 10, 1);
  const auto nodes = test::even_nodes(4, 400);
  for (const std::uint32_t redundancy : {1U, 2U, 3U}) {
    const auto before = plan_cluster(sizes, nodes, wish(redundancy), 5);
    REQUIRE(before);
    const auto after = adopt(sizes, brought(*before, 4), wish(redundancy), 99);
    REQUIRE(after);
    CHECK(after->epoch == 99);
    CHECK(test::broken(*after, sizes, nodes).empty());
    REQUIRE(after->stages.size() == before->stages.size());
    for (std::size_t i = 0; i < after->stages.size(); ++i) {
      CHECK(after->stages[i].layers == before->stages[i].layers);
      CHECK(after->stages[i].primary == before->stages[i].primary);
      CHECK(after->stages[i].buddies.size() == redundancy - 1);
    }
  }
}

TEST_CASE("where a stage's leader is lost its buddy leads; where all are, nothing is adopted") {
  const model_sizes sizes = test::even_model(12, 10, 1);
  const auto nodes = test::even_nodes(4, 400);
  const auto before = plan_cluster(sizes, nodes, wish(2), 5);
  REQUIRE(before);
  const stage_home& first = before->stages.front();
  const auto after = adopt(sizes, brought(*before, 4, {first.primary}), wish(2), 6);
  REQUIRE(after);
  CHECK(after->stages.front().primary == first.buddies.front());
  CHECK(test::broken(*after, sizes, nodes).empty());
  CHECK_FALSE(
      adopt(sizes, brought(*before, 4, {first.primary, first.buddies.front()}), wish(2), 6));
}

TEST_CASE("stages that do not fit together are no plan") {
  const model_sizes sizes = test::even_model(6, 10, 1);
  const auto plan_of = [&](std::vector<node_holdings::stage> stages) {
    return adopt(sizes, std::vector<node_holdings>{{1, std::move(stages)}}, wish(1), 1);
  };
  CHECK(plan_of({{{0, 3}, true}, {{3, 6}, true}}));
  CHECK_FALSE(plan_of({}));
  CHECK_FALSE(plan_of({{{0, 3}, true}, {{4, 6}, true}}));
  CHECK_FALSE(plan_of({{{0, 3}, true}, {{3, 7}, true}}));
  CHECK_FALSE(plan_of({{{0, 0}, true}}));
  CHECK_FALSE(adopt(sizes, {}, wish(1), 1));
}

TEST_CASE("of stages cut in two ways those with the most copies are taken") {
  const model_sizes sizes = test::even_model(6, 10, 1);
  const std::vector<node_holdings> nodes{{1, {{{0, 6}, true}}},
                                         {2, {{{0, 3}, true}, {{3, 6}, false}}},
                                         {3, {{{3, 6}, true}, {{0, 3}, false}}}};
  const auto plan = adopt(sizes, nodes, wish(2), 1);
  REQUIRE(plan);
  REQUIRE(plan->stages.size() == 2);
  CHECK(plan->stages[0].primary == 2);
  CHECK(plan->stages[1].primary == 3);
}

}  // namespace
}  // namespace troupe
