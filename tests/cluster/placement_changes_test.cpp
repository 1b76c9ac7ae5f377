#include <doctest/doctest.h>

#include <algorithm>

#include "cluster/node_placement.hpp"
#include "cluster/placement_diff.hpp"
#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

using list = std::vector<std::uint32_t>;

struct cluster {
  model_sizes sizes = even_model(8, 10, 20);
  std::vector<node_capacity> nodes;
  cluster_plan plan;

  explicit cluster(std::size_t count, std::size_t memory, std::uint32_t redundancy)
      : nodes(even_nodes(count, memory)) {
    placement_wishes w;
    w.redundancy = redundancy;
    plan = plan_cluster(sizes, nodes, w, 1).value();
  }
  std::vector<node_capacity> without(peer_id node) const {
    auto rest = nodes;
    std::erase_if(rest, [&](const node_capacity& n) { return n.node == node; });
    return rest;
  }
};

TEST_CASE("when a node is lost its stages' buddies lead, and nothing else changes") {
  const cluster c(4, 1000, 2);
  const peer_id lost = c.plan.stages[1].primary;
  const peer_id buddy = c.plan.stages[1].buddies.front();
  const promotion p = promote(c.plan, std::vector{lost}, 2);
  CHECK(p.plan.epoch == 2);
  CHECK(p.taken_over == list{1});
  CHECK(p.homeless_stages.empty());
  CHECK(p.homeless_shards.empty());
  CHECK(p.missing == 2);  // the stage it led, and the one it was the buddy of
  CHECK(p.plan.stages[1].primary == buddy);
  CHECK(p.plan.shards[1].replicas == std::vector{buddy});
  for (const std::uint32_t i : {0U, 2U, 3U})
    CHECK(p.plan.stages[i].primary == c.plan.stages[i].primary);
  CHECK(broken(p.plan, c.sizes, c.without(lost)) == "");
}

TEST_CASE("without a buddy a lost stage has no home, and repair finds one") {
  const cluster c(3, 1000, 1);
  const peer_id lost = c.plan.stages[2].primary;
  const promotion p = promote(c.plan, std::vector{lost}, 2);
  CHECK(p.taken_over.empty());
  CHECK(p.homeless_stages == list{2});
  CHECK(p.homeless_shards == list{2});
  CHECK(p.plan.stages[2].primary == no_peer);
  const auto r = repair(p.plan, c.sizes, c.without(lost), 3);
  REQUIRE(r);
  CHECK(r->missing.empty());
  CHECK(r->plan.epoch == 3);
  CHECK(r->plan.stages[2].primary != no_peer);
  CHECK(broken(r->plan, c.sizes, c.without(lost)) == "");
}

TEST_CASE("repair restores redundancy without moving what is there") {
  const cluster c(4, 1000, 2);
  const peer_id lost = c.plan.stages[0].primary;
  const promotion p = promote(c.plan, std::vector{lost}, 2);
  const auto r = repair(p.plan, c.sizes, c.without(lost), 3);
  REQUIRE(r);
  CHECK(r->missing.empty());
  CHECK(fewest_copies(r->plan) == 2);
  CHECK(broken(r->plan, c.sizes, c.without(lost)) == "");
  for (const duty_changes& d : diff(p.plan, r->plan)) {
    CHECK(d.release.empty());
    CHECK(d.take_over.empty());
    CHECK(d.step_back.empty());
  }
}

TEST_CASE("a copy that finds no room is told with the numbers") {
  const cluster c(3, 200, 2);  // 240 MiB in all, twice: 480 of 600
  const promotion p = promote(c.plan, std::vector{c.plan.stages[0].primary}, 2);
  const auto rest = c.without(c.plan.stages[0].primary);
  const auto r = repair(p.plan, c.sizes, rest, 3);
  REQUIRE(r);
  CHECK(broken(r->plan, c.sizes, rest) == "");
  REQUIRE(r->missing.size() == 2);
  INFO(r->missing[0]);
  CHECK(r->missing[0].find("has 1 of 2 copies: another needs ") != std::string::npos);
  CHECK(r->missing[0].find("has the most free: ") != std::string::npos);
}

TEST_CASE("a stage without a home comes before the copies of others") {
  // Two nodes are lost at once where redundancy is for one: what remains is full of copies.
  cluster c(4, 130, 2);
  const stage_home& first = c.plan.stages[0];
  const std::vector<peer_id> lost{first.primary, first.buddies.front()};
  const promotion p = promote(c.plan, lost, 2);
  REQUIRE_FALSE(p.homeless_stages.empty());
  auto rest = c.nodes;
  std::erase_if(
      rest, [&](const node_capacity& n) { return std::ranges::find(lost, n.node) != lost.end(); });
  const auto r = repair(p.plan, c.sizes, rest, 3);
  REQUIRE_MESSAGE(r, (r ? "" : r.error().message()));
  CHECK(broken(r->plan, c.sizes, rest) == "");
  CHECK(fewest_copies(r->plan) >= 1);
  CHECK_FALSE(r->missing.empty());

  const auto alone = even_nodes(1, 130);
  const auto none = repair(p.plan, c.sizes, alone, 3);
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == errc::out_of_memory);
  INFO(none.error().message());
  CHECK(none.error().message().find("needs 60.0 MiB of weights and 0 bytes of KV: node a has the "
                                    "most free: ") != std::string::npos);
}

TEST_CASE("draining empties a node, lets a buddy lead and keeps the redundancy") {
  const cluster c(4, 1000, 2);
  const auto r = drain(c.plan, c.sizes, c.nodes, 2, 2);
  REQUIRE(r);
  CHECK_FALSE(holds_anything(r->plan, 2));
  CHECK(fewest_copies(r->plan) == 2);
  CHECK(broken(r->plan, c.sizes, c.without(2)) == "");
  for (std::size_t i = 0; i < 4; ++i) {
    const stage_home& before = c.plan.stages[i];
    const stage_home& after = r->plan.stages[i];
    if (before.primary == 2) {
      CHECK(after.primary == before.buddies.front());
    } else {
      CHECK(after.primary == before.primary);
    }
  }
}

TEST_CASE("a node whose stage fits nowhere else is not drained") {
  const cluster c(2, 150, 1);
  const auto r = drain(c.plan, c.sizes, c.nodes, 1, 2);
  REQUIRE_FALSE(r);
  CHECK(
      r.error().message() ==
      "cannot drain a: stage 0 (layers 0 to 3) needs 120.0 MiB of weights and 0 bytes of KV, node "
      "b has the most free: 30.0 MiB of 150.0 MiB");
  CHECK(drain(c.plan, c.sizes, c.nodes, 9, 2).error().code() == errc::not_found);
  auto draining = c.nodes;
  draining[0].draining = true;
  const auto kept = repair(c.plan, c.sizes, draining, 2);
  REQUIRE(kept);
  CHECK(kept->plan.stages == c.plan.stages);
  REQUIRE(kept->missing.size() == 1);
  CHECK(kept->missing[0].find("stays on draining node a") != std::string::npos);
}

TEST_CASE("a node that comes back takes its share of the lead without copying twice") {
  const cluster c(4, 1000, 2);
  const peer_id lost = c.plan.stages[0].primary;
  auto now = c.without(lost);
  cluster_plan plan = repair(promote(c.plan, std::vector{lost}, 2).plan, c.sizes, now, 3)->plan;
  node_capacity back = c.nodes[lost - 1];
  back.node = 77;
  now.push_back(back);
  plan = repair(plan, c.sizes, now, 4)->plan;
  const cluster_plan even = level(plan, c.sizes, now, 1, 5);
  CHECK(even.epoch == 5);
  CHECK(broken(even, c.sizes, now) == "");
  CHECK(fewest_copies(even) == 2);
  for (const node_capacity& n : now) {
    CHECK(std::ranges::count(even.stages, n.node, &stage_home::primary) == 1);
  }
  CHECK(level(even, c.sizes, now, 4, 6) == even);
}

TEST_CASE("levelling swaps before it moves, and moves no more than it may") {
  cluster c(2, 1000, 2);
  for (stage_home& s : c.plan.stages) {
    s.primary = 1;
    s.buddies = {2};
  }
  for (shard_home& s : c.plan.shards) s.replicas = {1, 2};
  const cluster_plan swapped = level(c.plan, c.sizes, c.nodes, 0, 2);
  CHECK(swapped.epoch == 2);
  CHECK(swapped.stages[0].primary != swapped.stages[1].primary);
  CHECK(broken(swapped, c.sizes, c.nodes) == "");
  for (const duty_changes& d : diff(c.plan, swapped)) CHECK(d.load.empty());

  cluster alone(1, 1000, 1);
  placement_wishes w;
  w.stages = 4;
  alone.plan = plan_cluster(alone.sizes, alone.nodes, w, 1).value();
  const auto two = even_nodes(2, 1000);
  CHECK(level(alone.plan, alone.sizes, two, 0, 2) == alone.plan);
  const cluster_plan moved = level(alone.plan, alone.sizes, two, 2, 2);
  CHECK(std::ranges::count(moved.stages, peer_id{2}, &stage_home::primary) == 2);
  CHECK(broken(moved, alone.sizes, two) == "");
}

TEST_CASE("one copy at a time, several nodes that join all come to lead something") {
  cluster c(2, 1000, 2);
  placement_wishes w;
  w.stages = 4;
  w.redundancy = 2;
  cluster_plan plan = plan_cluster(c.sizes, c.nodes, w, 1).value();
  const auto four = even_nodes(4, 1000);
  epoch_number epoch = 1;
  while (true) {
    const cluster_plan next = level(plan, c.sizes, four, 1, epoch + 1);
    if (next.epoch == epoch) break;
    REQUIRE(++epoch < 10);
    plan = next;
    CHECK(broken(plan, c.sizes, four) == "");
    CHECK(fewest_copies(plan) == 2);
  }
  for (const node_capacity& n : four)
    CHECK(std::ranges::count(plan.stages, n.node, &stage_home::primary) == 1);
}

TEST_CASE("a node that cannot make the slowest faster takes over a copy that another can spare") {
  const cluster c(4, 1000, 2);
  const auto five = even_nodes(5, 1000);
  const cluster_plan next = level(c.plan, c.sizes, five, 1, 2);
  CHECK(next.epoch == 2);
  CHECK(broken(next, c.sizes, five) == "");
  CHECK(fewest_copies(next) == 2);
  const auto stages_at = [&](peer_id node) {
    return std::ranges::count_if(next.stages, [&](const stage_home& s) {
      return s.primary == node || std::ranges::count(s.buddies, node) > 0;
    });
  };
  CHECK(stages_at(5) == 1);
  for (std::size_t i = 0; i < next.stages.size(); ++i)
    CHECK(next.stages[i].primary == c.plan.stages[i].primary);
  // Nobody is left without anything, and then it is good.
  for (const node_capacity& n : five) CHECK(stages_at(n.node) > 0);
  CHECK(level(next, c.sizes, five, 1, 3) == next);
  CHECK(level(c.plan, c.sizes, five, 0, 2) == c.plan);
  auto leaving = five;
  leaving[4].draining = true;
  CHECK(level(c.plan, c.sizes, leaving, 1, 2) == c.plan);
}

TEST_CASE("a diff says what each node loads, keeps and releases") {
  const cluster c(3, 1000, 2);
  const auto same = diff(c.plan, c.plan);
  CHECK(same.size() == 3);
  for (const duty_changes& d : same) {
    CHECK(d.keep == duties_of(c.plan, d.node));
    CHECK(d.load.empty());
    CHECK(d.release.empty());
  }
  cluster_plan after = c.plan;
  stage_home& s = after.stages[0];
  const peer_id was = s.primary;
  s.primary = s.buddies[0];
  s.buddies[0] = 9;
  for (const duty_changes& d : diff(c.plan, after)) {
    const auto has_stage = [](const std::vector<duty>& all, bool leads) {
      return std::ranges::find(all, duty{duty::kind::stage, 0, leads}) != all.end();
    };
    CHECK(has_stage(d.load, false) == (d.node == 9));
    CHECK(has_stage(d.take_over, true) == (d.node == s.primary));
    CHECK(has_stage(d.release, true) == (d.node == was));
  }
}

TEST_CASE("a diff goes by what is held, not by where it stands in the plan") {
  cluster c(2, 1000, 2);
  c.plan.hot = {{0, 0, {5}}, {1, 0, {5}}};
  cluster_plan after = c.plan;
  after.hot.erase(after.hot.begin());
  std::swap(after.shards[0], after.shards[1]);
  for (const duty_changes& d : diff(c.plan, after)) {
    CHECK(d.load.empty());
    CHECK(d.release.size() == (d.node == 5 ? 1 : 0));
  }
}

}  // namespace
}  // namespace troupe::test
