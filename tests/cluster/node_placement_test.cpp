#include "cluster/node_placement.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

placement_wishes wishes(std::uint32_t redundancy, expert_home experts = expert_home::with_stage) {
  placement_wishes w;
  w.redundancy = redundancy;
  w.experts = experts;
  return w;
}

TEST_CASE("a model goes to all nodes in even stages, with its buddies elsewhere") {
  const model_sizes sizes = even_model(8, 10, 20);
  const auto nodes = even_nodes(4, 1000);
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2), 7).value();
  CHECK(broken(plan, sizes, nodes) == "");
  CHECK(plan.epoch == 7);
  REQUIRE(plan.stages.size() == 4);
  std::set<peer_id> leading, following;
  for (const stage_home& s : plan.stages) {
    CHECK(s.layers.count() == 2);
    leading.insert(s.primary);
    REQUIRE(s.buddies.size() == 1);
    following.insert(s.buddies.front());
  }
  CHECK(leading.size() == 4);
  CHECK(following.size() == 4);
}

/// The last `experts` of them for experts only.
std::vector<node_capacity> with_expert_nodes(std::size_t count, std::size_t experts,
                                             std::size_t memory_mib = 1000) {
  auto nodes = even_nodes(count, memory_mib);
  for (std::size_t i = count - experts; i < count; ++i) nodes[i].experts_only = true;
  return nodes;
}

bool holds_a_stage(const cluster_plan& plan, peer_id node) {
  return std::ranges::any_of(plan.stages, [&](const stage_home& s) {
    return s.primary == node || std::ranges::find(s.buddies, node) != s.buddies.end();
  });
}

TEST_CASE("nodes for experts only hold all experts, and nothing of a stage whatever is lost") {
  const model_sizes sizes = even_model(6, 10, 2, 8, 2);
  const auto nodes = with_expert_nodes(5, 2);
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2, expert_home::apart), 1).value();
  CHECK(broken(plan, sizes, nodes) == "");
  CHECK(plan.stages.size() == 3);
  REQUIRE(plan.shards.size() == 2);
  for (const shard_home& s : plan.shards)
    for (const peer_id p : s.replicas) CHECK(p >= 4);
  CHECK(fewest_copies(plan) == 2);
  for (std::size_t lost = 0; lost < nodes.size(); ++lost) {
    CAPTURE(lost);
    auto rest = nodes;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(lost));
    const cluster_plan left = promote(plan, std::vector{nodes[lost].node}, 2).plan;
    const auto repaired = repair(left, sizes, rest, 3);
    REQUIRE(repaired);
    CHECK(broken(repaired->plan, sizes, rest) == "");
    const cluster_plan levelled = level(repaired->plan, sizes, rest, 4, 4);
    CHECK(broken(levelled, sizes, rest) == "");
    for (const node_capacity& n : rest)
      if (n.experts_only) CHECK_FALSE(holds_a_stage(levelled, n.node));
    // One that comes for it takes experts off the others again.
    auto again = rest;
    again.push_back(nodes[lost]);
    again.back().node = 99;
    const auto back = repair(levelled, sizes, again, 5);
    REQUIRE(back);
    CHECK(broken(back->plan, sizes, again) == "");
    for (const shard_home& s : back->plan.shards)
      for (const peer_id p : s.replicas) CHECK((p == 4 || p == 5 || p == 99));
  }
}

TEST_CASE("where experts stay with their stages, nodes for experts only get nothing") {
  const model_sizes sizes = even_model(6, 10, 2, 8, 2);
  const auto nodes = with_expert_nodes(4, 2);
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2), 1).value();
  CHECK(broken(plan, sizes, nodes) == "");
  CHECK_FALSE(holds_anything(plan, 3));
  CHECK_FALSE(holds_anything(plan, 4));
}

TEST_CASE("too few or too small nodes beside those for experts are refused with the numbers") {
  const model_sizes sizes = even_model(6, 10, 2, 8, 2);
  CHECK(plan_cluster(sizes, with_expert_nodes(3, 2), wishes(2, expert_home::apart), 1)
            .error()
            .message() == "redundancy 2 needs 2 nodes that may hold stages: of 3 nodes 1 may");
  auto small = with_expert_nodes(4, 2);
  small[2].memory_bytes = small[3].memory_bytes = 30 * mib;
  for (node_capacity& n : small)
    if (!n.experts_only) n.memory_bytes = 100 * mib;
  const auto refused = plan_cluster(sizes, small, wishes(2, expert_home::apart), 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::out_of_memory);
  CHECK(refused.error().message().find("MiB") != std::string::npos);
}

TEST_CASE("without redundancy there are no buddies") {
  const model_sizes sizes = even_model(8, 10, 20);
  const cluster_plan plan = plan_cluster(sizes, even_nodes(3, 1000), wishes(1), 1).value();
  CHECK(plan.stages.size() == 3);
  for (const stage_home& s : plan.stages) CHECK(s.buddies.empty());
}

TEST_CASE("stages follow the nodes' threads and the weight of the head") {
  const model_sizes sizes = even_model(12, 10, 20);
  auto nodes = even_nodes(2, 10000);
  nodes[1].threads = 3;
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(1), 1).value();
  REQUIRE(plan.stages.size() == 2);
  CHECK(plan.stages[0].layers.count() == 3);
  CHECK(plan.stages[1].layers.count() == 9);

  model_sizes heavy = even_model(12, 10, 20);
  heavy.head_bytes = 180 * mib;  // as much as six layers
  const cluster_plan light_end = plan_cluster(heavy, even_nodes(2, 10000), wishes(1), 1).value();
  CHECK(light_end.stages[0].layers.count() == 9);
  CHECK(light_end.stages[1].layers.count() == 3);
}

TEST_CASE("a small node gets a small stage, though it is fast") {
  const model_sizes sizes = even_model(10, 10, 90);
  auto nodes = even_nodes(2, 1000);
  nodes[0].threads = 8;
  nodes[0].memory_bytes = 300 * mib;
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(1), 1).value();
  CHECK(broken(plan, sizes, nodes) == "");
  CHECK(plan.stages[0].layers.count() == 3);
}

TEST_CASE("the wished number of stages is kept, also where nodes take several or none") {
  const model_sizes sizes = even_model(8, 10, 20);
  placement_wishes w = wishes(2);
  const auto nodes = even_nodes(3, 1000);
  for (const std::uint32_t stages : {1U, 2U, 3U, 5U, 8U}) {
    w.stages = stages;
    const cluster_plan plan = plan_cluster(sizes, nodes, w, 1).value();
    CHECK(plan.stages.size() == stages);
    CHECK(broken(plan, sizes, nodes) == "");
    CHECK(fewest_copies(plan) == 2);
  }
}

TEST_CASE("where the most stages do not fit, fewer are tried") {
  const model_sizes sizes = even_model(4, 10, 90);
  auto nodes = even_nodes(4, 400);
  nodes[2].memory_bytes = 50 * mib;
  nodes[3].memory_bytes = 50 * mib;
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2), 1).value();
  CHECK(plan.stages.size() == 2);
  CHECK(broken(plan, sizes, nodes) == "");
}

TEST_CASE("copies go to other hosts where there are any") {
  const model_sizes sizes = even_model(8, 10, 20);
  auto nodes = even_nodes(4, 1000);
  for (std::size_t i = 0; i < 4; ++i) nodes[i].host = i < 2 ? "left" : "right";
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2), 1).value();
  for (const stage_home& s : plan.stages) CHECK((s.primary <= 2) != (s.buddies.front() <= 2));
  for (auto& n : nodes) n.host = "only";
  CHECK(fewest_copies(plan_cluster(sizes, nodes, wishes(2), 1).value()) == 2);
}

TEST_CASE("experts apart: other nodes than the stages, each side with its copies") {
  const model_sizes sizes = even_model(8, 10, 4, 16, 2);
  const auto nodes = even_nodes(6, 2000);
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2, expert_home::apart), 1).value();
  CHECK(broken(plan, sizes, nodes) == "");
  CHECK(fewest_copies(plan) == 2);
  CHECK(plan.shards.size() >= 2);
  std::set<peer_id> staged, sharded, both;
  for (const stage_home& s : plan.stages) {
    staged.insert(s.primary);
    staged.insert(s.buddies.begin(), s.buddies.end());
  }
  for (const shard_home& s : plan.shards) sharded.insert(s.replicas.begin(), s.replicas.end());
  std::ranges::set_intersection(staged, sharded, std::inserter(both, both.end()));
  CHECK(both.empty());
  CHECK(staged.size() + sharded.size() == 6);
}

TEST_CASE("experts apart on four nodes: two for stages, two for experts") {
  const model_sizes sizes = even_model(8, 10, 4, 16, 2);
  placement_wishes w = wishes(2, expert_home::apart);
  w.stages = 1;
  const cluster_plan plan = plan_cluster(sizes, even_nodes(4, 2000), w, 1).value();
  REQUIRE(plan.stages.size() == 1);
  CHECK(plan.shards.size() == 2);
  for (const shard_home& s : plan.shards) {
    CHECK(std::ranges::find(s.replicas, plan.stages[0].primary) == s.replicas.end());
    CHECK(std::ranges::find(s.replicas, plan.stages[0].buddies[0]) == s.replicas.end());
  }
}

TEST_CASE("a dense model can have its FFNs apart too") {
  const model_sizes sizes = even_model(6, 10, 20);
  const auto nodes = even_nodes(2, 2000);
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2, expert_home::apart), 1).value();
  CHECK(broken(plan, sizes, nodes) == "");
}

TEST_CASE("nodes that drain or are suspect get nothing") {
  const model_sizes sizes = even_model(8, 10, 20);
  auto nodes = even_nodes(4, 1000);
  nodes[1].draining = true;
  nodes[2].suspect = true;
  const cluster_plan plan = plan_cluster(sizes, nodes, wishes(2), 1).value();
  CHECK(plan.stages.size() == 2);
  CHECK_FALSE(holds_anything(plan, 2));
  CHECK_FALSE(holds_anything(plan, 3));
}

TEST_CASE("what cannot be placed is refused with the arithmetic") {
  model_sizes sizes = even_model(4, 256, 768);
  placement_wishes w = wishes(2);
  w.kv_positions = 1024;
  w.kv_position_bytes = mib / 4;
  CHECK(plan_cluster(sizes, even_nodes(2, 4096), w, 1).error().message() ==
        "the model needs 4.00 GiB of weights and 1.00 GiB of KV, with redundancy 2 10.00 GiB in "
        "all: 2 nodes have 8.00 GiB");

  w.redundancy = 1;
  w.stages = 1;
  const error large = plan_cluster(sizes, even_nodes(3, 4096), w, 1).error();
  CHECK(large.code() == errc::out_of_memory);
  CHECK(large.message() ==
        "stage 0 (layers 0 to 3) needs 4.00 GiB of weights and 1.00 GiB of KV, node a has 4.00 GiB "
        "free");

  w.redundancy = 2;
  auto nodes = even_nodes(3, 5120);
  nodes[1].memory_bytes = nodes[2].memory_bytes = 4096 * mib;
  CHECK(
      plan_cluster(sizes, nodes, w, 1).error().message() ==
      "copy 2 of stage 0 (layers 0 to 3) needs 4.00 GiB of weights and 1.00 GiB of KV: node b has "
      "the most free: 4.00 GiB of 4.00 GiB");
}

TEST_CASE("impossible wishes are refused with the numbers") {
  const model_sizes sizes = even_model(4, 1, 1);
  CHECK(plan_cluster(sizes, even_nodes(2, 100), wishes(3), 1).error().message() ==
        "redundancy 3 needs 3 nodes: 2 can be used");
  CHECK(
      plan_cluster(sizes, even_nodes(1, 100), wishes(1, expert_home::apart), 1).error().message() ==
      "redundancy 1 with experts apart needs 2 nodes: 1 can be used");
  CHECK(plan_cluster(sizes, {}, wishes(1), 1).error().code() == errc::invalid_argument);
  CHECK(plan_cluster(sizes, even_nodes(2, 100), wishes(0), 1).error().code() ==
        errc::invalid_argument);
  placement_wishes many = wishes(1);
  many.stages = 5;
  CHECK(plan_cluster(sizes, even_nodes(2, 100), many, 1).error().message() ==
        "5 stages: a model of 4 layers takes 1 to 4");
  auto twice = even_nodes(2, 100);
  twice[1].node = twice[0].node;
  CHECK(plan_cluster(sizes, twice, wishes(1), 1).error().code() == errc::invalid_argument);
}

TEST_CASE("a thousand nodes are placed") {
  const model_sizes sizes = even_model(94, 100, 18, 128, 8);
  const auto nodes = even_nodes(1000, 4096, 8);
  for (const expert_home experts : {expert_home::with_stage, expert_home::apart}) {
    const auto plan = plan_cluster(sizes, nodes, wishes(2, experts), 1);
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.error().message()));
    CHECK(broken(*plan, sizes, nodes) == "");
  }
}

}  // namespace
}  // namespace troupe::test
