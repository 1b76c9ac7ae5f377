#include "cluster/rebalance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

/// A window of `rows` rows a layer whose experts are chosen by Zipf's law, in an order of its own
/// for each layer.
expert_loads zipf(const model_sizes& sizes, std::uint64_t rows, double skew, std::mt19937& random) {
  expert_loads loads;
  for (const layer_sizes& l : sizes.layers) {
    std::vector<double> weight(l.experts);
    for (std::uint32_t e = 0; e < l.experts; ++e) weight[e] = std::pow(e + 1, -skew);
    const double whole = std::accumulate(weight.begin(), weight.end(), 0.0);
    std::vector<std::uint64_t> layer(l.experts);
    for (std::uint32_t e = 0; e < l.experts; ++e)
      layer[e] = static_cast<std::uint64_t>(static_cast<double>(rows) * weight[e] / whole);
    std::ranges::shuffle(layer, random);
    loads.push_back(std::move(layer));
  }
  return loads;
}

struct served {
  model_sizes sizes = even_model(8, 10, 4, 64, 4);
  std::vector<node_capacity> nodes;
  cluster_plan plan;
  explicit served(std::size_t count, std::size_t memory, std::uint32_t redundancy = 1)
      : nodes(even_nodes(count, memory)) {
    placement_wishes w;
    w.redundancy = redundancy;
    w.experts = expert_home::apart;
    w.stages = 1;
    plan = plan_cluster(sizes, nodes, w, 1).value();
  }
};

std::size_t copies(const cluster_plan& plan) {
  std::size_t n = 0;
  for (const hot_expert& h : plan.hot) n += h.copies.size();
  return n;
}

TEST_CASE("even routing needs no copies") {
  const served s(5, 4000);
  const expert_loads even(8, std::vector<std::uint64_t>(64, 100));
  const auto r = rebalance(s.plan, s.sizes, s.nodes, even, {}, 2);
  REQUIRE(r);
  CHECK(r->before.steps == doctest::Approx(1));
  CHECK(r->before.nodes == doctest::Approx(1));
  CHECK(r->plan == s.plan);
  CHECK(measure_spread(s.plan, s.sizes, s.nodes, {}).steps == 1);
}

TEST_CASE("with skewed routing hot experts get copies and the imbalance falls") {
  const served s(9, 4000);
  std::mt19937 random(1);
  for (const double skew : {0.6, 1.0, 1.4}) {
    CAPTURE(skew);
    const expert_loads loads = zipf(s.sizes, 100000, skew, random);
    const auto r = rebalance(s.plan, s.sizes, s.nodes, loads, {}, 2);
    REQUIRE(r);
    CHECK(broken(r->plan, s.sizes, s.nodes) == "");
    CHECK(r->plan.epoch == 2);
    CHECK(r->added == copies(r->plan));
    CHECK(r->after.steps < 1 + (r->before.steps - 1) / 2);
    CHECK(r->after.nodes <= r->before.nodes);
    const load_spread measured = measure_spread(r->plan, s.sizes, s.nodes, loads);
    CHECK(measured.steps == doctest::Approx(r->after.steps));
    CHECK(measured.nodes == doctest::Approx(r->after.nodes));
    MESSAGE("skew ", skew, ": a step's imbalance ", r->before.steps, " -> ", r->after.steps,
            ", the nodes' ", r->before.nodes, " -> ", r->after.nodes, " with ", r->added,
            " copies");
  }
}

TEST_CASE("memory and the wished bounds limit the copies") {
  std::mt19937 random(2);
  const served roomy(5, 4000);
  const expert_loads loads = zipf(roomy.sizes, 100000, 1.2, random);
  rebalance_limits few;
  few.copies = 5;
  few.copies_each = 1;
  const auto r = rebalance(roomy.plan, roomy.sizes, roomy.nodes, loads, few, 2);
  CHECK(copies(r->plan) == 5);
  for (const hot_expert& h : r->plan.hot) CHECK(h.copies.size() == 1);

  served tight(5, 4000);
  for (node_capacity& n : tight.nodes)
    n.memory_bytes = bytes_on(tight.plan, tight.sizes, n.node) + 9 * mib;  // two experts of 4
  const auto packed = rebalance(tight.plan, tight.sizes, tight.nodes, loads, {}, 2);
  CHECK(broken(packed->plan, tight.sizes, tight.nodes) == "");
  CHECK(copies(packed->plan) > 0);
  CHECK(copies(packed->plan) <= 8);
}

TEST_CASE("copies of experts that have cooled down are given up, others stay") {
  std::mt19937 random(3);
  const served s(5, 4000);
  const expert_loads loads = zipf(s.sizes, 100000, 1.2, random);
  const cluster_plan hot = rebalance(s.plan, s.sizes, s.nodes, loads, {}, 2)->plan;
  REQUIRE(copies(hot) > 0);
  const auto again = rebalance(hot, s.sizes, s.nodes, loads, {}, 3);
  CHECK(again->removed == 0);
  const expert_loads even(8, std::vector<std::uint64_t>(64, 100));
  const auto cooled = rebalance(hot, s.sizes, s.nodes, even, {}, 4);
  CHECK(cooled->removed == copies(hot));
  CHECK(cooled->plan.hot.empty());
  CHECK(cooled->plan.epoch == 4);
}

TEST_CASE("the one expert of a dense layer is spread as well, and its copies stay") {
  model_sizes sizes = even_model(2, 10, 4, 8, 2);
  sizes.layers[1] = {10 * mib, 4 * mib, 1, 1};
  auto nodes = even_nodes(4, 1000);
  for (std::size_t i = 1; i < nodes.size(); ++i) nodes[i].experts_only = true;
  placement_wishes w;
  w.experts = expert_home::apart;
  const cluster_plan plan = plan_cluster(sizes, nodes, w, 1).value();
  const expert_loads loads = {std::vector<std::uint64_t>(8, 250), {1000}};
  const auto spread = rebalance(plan, sizes, nodes, loads, {}, 2);
  REQUIRE(spread);
  CHECK(spread->after.steps < spread->before.steps);
  const auto dense = std::ranges::find(spread->plan.hot, 1U, &hot_expert::layer);
  REQUIRE(dense != spread->plan.hot.end());
  CHECK(dense->copies.size() == 2);
  CHECK(rebalance(spread->plan, sizes, nodes, loads, {}, 3)->plan == spread->plan);
}

TEST_CASE("copies on lost or draining nodes go, and never meet their shard on one node") {
  std::mt19937 random(4);
  const served s(6, 4000, 2);
  const expert_loads loads = zipf(s.sizes, 100000, 1.5, random);
  const cluster_plan hot = rebalance(s.plan, s.sizes, s.nodes, loads, {}, 2)->plan;
  REQUIRE(copies(hot) > 0);
  for (const node_capacity& n : s.nodes) {
    auto rest = s.nodes;
    std::erase_if(rest, [&](const node_capacity& each) { return each.node == n.node; });
    const promotion p = promote(hot, std::vector{n.node}, 3);
    CHECK(broken(p.plan, s.sizes, rest) == "");
    const auto r = repair(p.plan, s.sizes, rest, 4);
    REQUIRE(r);
    CHECK(broken(r->plan, s.sizes, rest) == "");
    const auto d = drain(hot, s.sizes, s.nodes, n.node, 3);
    REQUIRE(d);
    CHECK_FALSE(holds_anything(d->plan, n.node));
    CHECK(broken(d->plan, s.sizes, rest) == "");
  }
}

TEST_CASE("random loads: copies fit, and no step waits longer than before") {
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    random_case c = draw_case(random);
    c.wishes.experts = expert_home::apart;
    const auto plan = plan_cluster(c.sizes, c.nodes, c.wishes, 1);
    if (!plan) continue;
    const expert_loads loads =
        zipf(c.sizes, draw(random, 0, 100000), draw(random, 0, 20) / 10.0, random);
    const auto r = rebalance(*plan, c.sizes, c.nodes, loads, {}, 2);
    REQUIRE(r);
    REQUIRE(broken(r->plan, c.sizes, c.nodes) == "");
    REQUIRE(r->after.steps <= r->before.steps * (1 + 1e-6));
  }
}

TEST_CASE("what cannot be balanced is refused") {
  const served s(4, 4000);
  CHECK(rebalance(s.plan, s.sizes, s.nodes, expert_loads(9), {}, 2).error().message() ==
        "loads of 9 layers: the model has 8");
  CHECK(rebalance(s.plan, s.sizes, s.nodes, {std::vector<std::uint64_t>(65)}, {}, 2)
            .error()
            .message() == "loads of 65 experts in layer 0: it has 64");
  cluster_plan together = s.plan;
  together.experts = expert_home::with_stage;
  CHECK(rebalance(together, s.sizes, s.nodes, {}, {}, 2).error().code() == errc::unsupported);
}

}  // namespace
}  // namespace troupe::test
