#include "cluster/expert_duties.hpp"

#include <doctest/doctest.h>

namespace troupe::test {
namespace {

using held_sets = std::vector<std::vector<expert_range>>;
using servers = std::vector<std::optional<std::size_t>>;

/// Two shards of two layers; two experts of the first are hot.
cluster_plan split_plan() {
  cluster_plan plan;
  plan.experts = expert_home::apart;
  plan.shards = {{{{0, 0, 2}, {1, 0, 3}}, {11, 12}}, {{{0, 2, 2}, {1, 3, 1}}, {13}}};
  plan.hot = {{1, 1, {13, 14}}, {0, 0, {14}}};
  return plan;
}

}  // namespace

TEST_CASE("a replica serves its shard's hot experts with the shard") {
  const cluster_plan plan = split_plan();
  const expert_duties duties = expert_duties_of(plan, 12);
  REQUIRE(duties.routes.size() == 4);
  CHECK(duties.held == held_sets{plan.shards[0].owned});
  CHECK(duties.served_by == servers{0, std::nullopt, 0, 0});
}

TEST_CASE("copies of hot experts are sets of their own, beside a shard or alone") {
  const cluster_plan plan = split_plan();
  const expert_duties beside = expert_duties_of(plan, 13);
  CHECK(beside.held == held_sets{plan.shards[1].owned, {{1, 1, 1}}});
  CHECK(beside.served_by == servers{std::nullopt, 0, std::nullopt, 1});
  const expert_duties alone = expert_duties_of(plan, 14);
  CHECK(alone.held == held_sets{{{0, 0, 1}}, {{1, 1, 1}}});
  CHECK(alone.served_by == servers{std::nullopt, std::nullopt, 0, 1});
}

TEST_CASE(
    "who holds no experts knows the routes; where experts are with their stages there are none") {
  cluster_plan plan = split_plan();
  const expert_duties stage = expert_duties_of(plan, 99);
  CHECK(stage.routes.size() == 4);
  CHECK(stage.held.empty());
  CHECK(stage.served_by == servers(4));
  plan.experts = expert_home::with_stage;
  CHECK(expert_duties_of(plan, 11).routes.empty());
}

}  // namespace troupe::test
