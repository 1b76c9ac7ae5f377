#include "cluster/provisioning.hpp"

#include <doctest/doctest.h>

#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using action = provider_call::action;

const provisioning::time_point start{1h};

TEST_CASE("nodes are asked for once, by names of their own, until they join") {
  provisioning p("worker-", {});
  const auto calls = p.ask(2, 4, start);
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].what == action::start);
  CHECK(calls[0].node == "worker-1");
  CHECK(calls[1].node == "worker-2");
  CHECK(p.ask(2, 4, start + 1s).empty());
  p.joined("worker-1");
  p.joined("somebody");
  CHECK(p.on_their_way() == 1);
  CHECK(p.ask(3, 4, start + 2s).empty());
  CHECK(p.ask(3, 5, start + 3s).at(0).node == "worker-3");
}

TEST_CASE("who does not come in time is stopped, and the provider gets a rest") {
  provisioning p("w", {});
  REQUIRE(p.ask(0, 1, start).size() == 1);
  CHECK(p.tick(start + 4min).empty());
  const auto late = p.tick(start + 5min);
  REQUIRE(late.size() == 1);
  CHECK(late[0].what == action::stop);
  CHECK(late[0].node == "w1");
  CHECK(p.on_their_way() == 0);
  CHECK(p.ask(0, 1, start + 5min).empty());
  CHECK(p.ask(0, 1, start + 5min + 5s).size() == 1);
}

TEST_CASE("a failing provider is asked less and less often, a working one at once") {
  provisioning p("w", {});
  auto now = start;
  std::vector<provisioning::duration> waits;
  for (int i = 0; i < 9; ++i) {
    const auto calls = p.ask(0, 1, now);
    REQUIRE(calls.size() == 1);
    p.failed(calls[0].node, now);
    p.failed("somebody", now);
    waits.push_back(*p.resting_until() - now);
    now = *p.resting_until();
  }
  CHECK(waits[0] == 5s);
  CHECK(waits[1] == 10s);
  CHECK(waits[2] == 20s);
  CHECK(waits[8] == 5min);
  p.joined(p.ask(0, 1, now).at(0).node);
  CHECK_FALSE(p.resting_until());
  CHECK(p.ask(1, 2, now).size() == 1);
}

TEST_CASE("few nodes are on their way at once") {
  provisioning p("w", {.at_once = 3});
  CHECK(p.ask(0, 100, start).size() == 3);
  p.joined("w2");
  CHECK(p.ask(1, 100, start).size() == 1);
}

TEST_CASE("the node that leaves is the one that holds least") {
  const model_sizes sizes = even_model(8, 10, 20);
  auto nodes = even_nodes(4, 1000);
  placement_wishes w;
  w.stages = 2;
  const cluster_plan plan = plan_cluster(sizes, nodes, w, 1).value();
  CHECK_FALSE(holds_anything(plan, choose_leaver(plan, sizes, nodes)));
  nodes[0].draining = true;
  CHECK(choose_leaver(plan, sizes, nodes) == 1);
  for (auto& n : nodes) n.suspect = true;
  CHECK(choose_leaver(plan, sizes, nodes) == no_peer);
}

TEST_CASE("an operator's executable gets documented arguments") {
  using arguments = std::vector<std::string>;
  CHECK(provider_arguments({action::start, "w1"}, "10.0.0.1:7000") ==
        arguments{"start", "--name", "w1", "--join", "10.0.0.1:7000"});
  CHECK(provider_arguments({action::stop, "w1"}, "10.0.0.1:7000") ==
        arguments{"stop", "--name", "w1"});
}

}  // namespace
}  // namespace troupe::test
