#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cluster/node_placement.hpp"
#include "cluster/placement_diff.hpp"
#include "cluster/placement_ledger.hpp"
#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

std::vector<node_capacity> without(std::vector<node_capacity> nodes,
                                   std::span<const peer_id> gone) {
  std::erase_if(
      nodes, [&](const node_capacity& n) { return std::ranges::find(gone, n.node) != gone.end(); });
  return nodes;
}

std::vector<peer_id> draw_lost(std::mt19937& random, const std::vector<node_capacity>& nodes,
                               std::size_t most) {
  std::vector<peer_id> all;
  all.reserve(nodes.size());
  for (const node_capacity& n : nodes) all.push_back(n.node);
  std::ranges::shuffle(all, random);
  all.resize(std::min<std::size_t>(all.size(), most));
  return all;
}

/// Whether some stage or shard lacks a copy though a node has room for it.
bool could_have_more(const cluster_plan& plan, const model_sizes& sizes,
                     const std::vector<node_capacity>& nodes) {
  for (const placement_unit& u : units_of(plan, sizes)) {
    if (u.copies.size() >= plan.redundancy) continue;
    for (const node_capacity& n : nodes) {
      if (n.draining || n.suspect || u.is_on(n.node)) continue;
      if (bytes_on(plan, sizes, n.node) + u.bytes() <= n.memory_bytes) return true;
    }
  }
  return false;
}

/// Copies that the first plan has on nodes that are there and stay, and the second has not.
std::size_t moved(const cluster_plan& before, const cluster_plan& after,
                  const std::vector<node_capacity>& nodes) {
  std::size_t count = 0;
  for (const duty_changes& d : diff(before, after)) {
    const auto n = std::ranges::find(nodes, d.node, &node_capacity::node);
    if (n != nodes.end() && !n->draining) count += d.release.size();
  }
  return count;
}

TEST_CASE("random clusters: a plan is sound, complete and the same whatever the nodes' order") {
  std::mt19937 random(1);
  std::size_t placed = 0;
  for (int i = 0; i < 3000; ++i) {
    CAPTURE(i);
    random_case c = draw_case(random);
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan) {
      REQUIRE_FALSE(plan.error().message().empty());
      continue;
    }
    ++placed;
    REQUIRE(broken(*plan, c.sizes, c.nodes) == "");
    REQUIRE(fewest_copies(*plan) == c.wishes.redundancy);
    if (c.wishes.stages > 0) REQUIRE(plan->stages.size() == c.wishes.stages);
    std::ranges::shuffle(c.nodes, random);
    REQUIRE(plan_cluster(c.sizes, c.nodes, c.wishes, 1).value() == *plan);
  }
  CHECK(placed > 1000);
}

TEST_CASE("random clusters: where every node has room for all, a plan is always found") {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    CAPTURE(i);
    random_case c = draw_case(random);
    if (c.nodes.size() < std::max<std::size_t>(2, c.wishes.redundancy)) continue;
    const std::size_t whole =
        c.sizes.total_bytes() + c.sizes.head_bytes +
        c.wishes.kv_positions * c.wishes.kv_position_bytes * c.sizes.layers.size();
    for (node_capacity& n : c.nodes) n.memory_bytes = whole;
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    REQUIRE_MESSAGE(plan, (plan ? "" : plan.error().message()));
  }
}

TEST_CASE("random losses within the redundancy: nothing is homeless, repair restores it") {
  std::mt19937 random(3);
  std::size_t tried = 0;
  for (int i = 0; i < 4000; ++i) {
    CAPTURE(i);
    const random_case c = draw_case(random);
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan) continue;
    ++tried;
    const auto lost = draw_lost(random, c.nodes, c.wishes.redundancy - 1);
    const auto rest = without(c.nodes, lost);
    const promotion p = promote(*plan, lost, 2);
    REQUIRE(p.homeless_stages.empty());
    REQUIRE(p.homeless_shards.empty());
    REQUIRE(broken(p.plan, c.sizes, rest) == "");
    REQUIRE(moved(*plan, p.plan, rest) == 0);
    for (std::size_t s = 0; s < plan->stages.size(); ++s) {
      const bool led_by_lost = std::ranges::find(lost, plan->stages[s].primary) != lost.end();
      REQUIRE((p.plan.stages[s].primary != plan->stages[s].primary) == led_by_lost);
    }
    const auto r = repair(p.plan, c.sizes, rest, 3);
    REQUIRE(r);
    REQUIRE(broken(r->plan, c.sizes, rest) == "");
    REQUIRE(moved(p.plan, r->plan, rest) == 0);
    REQUIRE_FALSE(could_have_more(r->plan, c.sizes, rest));
    REQUIRE(r->missing.empty() == (fewest_copies(r->plan) >= c.wishes.redundancy));
    // The lost come back as new processes: everything is restored, and what stayed did not move.
    auto back = c.nodes;
    for (node_capacity& n : back) {
      if (std::ranges::find(lost, n.node) != lost.end()) n.node ^= 1U << 30U;
    }
    const auto again = repair(p.plan, c.sizes, back, 4);
    REQUIRE(again);
    REQUIRE(again->missing.empty() == (fewest_copies(again->plan) >= c.wishes.redundancy));
    REQUIRE_FALSE(could_have_more(again->plan, c.sizes, back));
  }
  CHECK(tried > 1000);
}

TEST_CASE("random losses beyond the redundancy: what is homeless is placed if anything can") {
  std::mt19937 random(4);
  std::size_t homeless = 0;
  for (int i = 0; i < 3000; ++i) {
    CAPTURE(i);
    const random_case c = draw_case(random);
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan || c.nodes.size() < 2) continue;
    const auto lost =
        draw_lost(random, c.nodes, draw(random, 1, static_cast<std::uint32_t>(c.nodes.size() - 1)));
    const auto rest = without(c.nodes, lost);
    const promotion p = promote(*plan, lost, 2);
    homeless += p.homeless_stages.empty() ? 0 : 1;
    const auto r = repair(p.plan, c.sizes, rest, 3);
    if (!r) {
      REQUIRE(r.error().code() == errc::out_of_memory);
      continue;
    }
    REQUIRE(broken(r->plan, c.sizes, rest) == "");
    REQUIRE(fewest_copies(r->plan) >= 1);
    REQUIRE_FALSE(could_have_more(r->plan, c.sizes, rest));
  }
  CHECK(homeless > 100);
}

TEST_CASE("random drains: the node is empty, nothing else moves, or the refusal says why") {
  std::mt19937 random(5);
  std::size_t drained = 0;
  for (int i = 0; i < 3000; ++i) {
    CAPTURE(i);
    const random_case c = draw_case(random);
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan) continue;
    const peer_id leaver = draw_lost(random, c.nodes, 1).front();
    const auto r = drain(*plan, c.sizes, c.nodes, leaver, 2);
    if (!r) {
      REQUIRE(r.error().message().find("cannot drain ") == 0);
      continue;
    }
    ++drained;
    const auto rest = without(c.nodes, std::vector{leaver});
    REQUIRE_FALSE(holds_anything(r->plan, leaver));
    REQUIRE(broken(r->plan, c.sizes, rest) == "");
    REQUIRE(moved(*plan, r->plan, rest) == 0);
    REQUIRE_FALSE(could_have_more(r->plan, c.sizes, rest));
    for (std::size_t s = 0; s < plan->stages.size(); ++s) {
      if (plan->stages[s].primary != leaver)
        REQUIRE(r->plan.stages[s].primary == plan->stages[s].primary);
    }
  }
  CHECK(drained > 500);
}

TEST_CASE("long lives: joins, losses, drains and levelling never break a plan") {
  std::mt19937 random(6);
  for (int life = 0; life < 150; ++life) {
    random_case c = draw_case(random);
    auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan) continue;
    peer_id next = 1;
    for (epoch_number epoch = 2; epoch < 42; ++epoch) {
      CAPTURE(life);
      CAPTURE(epoch);
      const std::uint32_t what = draw(random, 0, 9);
      if (what < 4) {
        c.nodes.push_back({next, fmt::format("j{}", next), fmt::format("h{}", next % 4),
                           c.nodes[random() % c.nodes.size()].memory_bytes, draw(random, 1, 4)});
        ++next;
      } else if (what < 7 && c.nodes.size() > 1) {
        const auto lost = draw_lost(random, c.nodes, 1);
        auto rest = without(c.nodes, lost);
        const promotion p = promote(*plan, lost, epoch);
        if (!repair(p.plan, c.sizes, rest, epoch)) continue;  // it would be the end: skip this one
        c.nodes = std::move(rest);
        *plan = p.plan;
      } else if (what < 8) {
        const peer_id leaver = draw_lost(random, c.nodes, 1).front();
        const auto r = drain(*plan, c.sizes, c.nodes, leaver, epoch);
        if (!r) continue;
        *plan = r->plan;
        c.nodes = without(c.nodes, std::vector{leaver});
      } else {
        const cluster_plan even = level(*plan, c.sizes, c.nodes, 2, epoch);
        REQUIRE(broken(even, c.sizes, c.nodes) == "");
        for (std::size_t s = 0; s < even.stages.size(); ++s)
          REQUIRE(even.stages[s].buddies.size() == plan->stages[s].buddies.size());
        *plan = even;
      }
      const auto r = repair(*plan, c.sizes, c.nodes, epoch);
      REQUIRE(r);
      REQUIRE(broken(r->plan, c.sizes, c.nodes) == "");
      REQUIRE_FALSE(could_have_more(r->plan, c.sizes, c.nodes));
      *plan = r->plan;
    }
  }
}

}  // namespace
}  // namespace troupe::test
