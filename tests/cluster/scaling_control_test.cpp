#include "cluster/scaling_control.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace troupe::test {
namespace {

using namespace std::chrono_literals;
using kind = scaling_order::kind;

/// A cluster whose nodes bring 100 tokens a second each, with somebody who adds and removes them.
struct script {
  scaling_control control;
  scaling_control::time_point now{1h};
  scaling_sample sample;
  double backlog = 0;
  double drawn = 0;
  peer_id last_peer = 0;
  std::vector<std::pair<scaling_control::time_point, std::uint32_t>> starting;
  std::vector<std::pair<scaling_control::time_point, std::string>> draining;
  std::vector<std::pair<scaling_control::time_point, scaling_order>> orders;
  std::vector<std::string> events;
  std::function<result<void>(const scaling_order&)> provider = [](const scaling_order&) {
    return result<void>();
  };
  bool arrives = true;

  script(std::uint32_t first, const scaling_control::limits& l) : control(l) {
    for (std::uint32_t i = 0; i < first; ++i) add();
    sample.serving = true;
  }

  void add() {
    ++last_peer;
    sample.nodes.push_back({last_peer, "n" + std::to_string(last_peer), "h", true, false, true});
  }
  scaling_node& node(const std::string& name) {
    return *std::ranges::find(sample.nodes, name, &scaling_node::name);
  }
  void carry_out(const scaling_order& order) {
    orders.emplace_back(now, order);
    const result<void> outcome = provider(order);
    control.done(now, outcome);
    if (!outcome) return;
    if (order.what == kind::grow && arrives) starting.emplace_back(now + 10s, order.count);
    if (order.what == kind::drain) {
      node(order.node).draining = true;
      draining.emplace_back(now + 3s, order.node);
    }
  }
  void second(double demand) {
    now += 1s;
    for (; !starting.empty() && starting.front().first <= now; starting.erase(starting.begin()))
      for (std::uint32_t i = 0; i < starting.front().second; ++i) add();
    for (; !draining.empty() && draining.front().first <= now; draining.erase(draining.begin()))
      std::erase_if(sample.nodes, [&](const auto& n) { return n.name == draining.front().second; });
    const double able = 100.0 * static_cast<double>(sample.nodes.size());
    const double done = std::min(able, demand + backlog);
    backlog += demand - done;
    drawn += done;
    sample.queued = std::chrono::duration<double>(backlog / able);
    sample.kv_use = 0.5 * done / able;
    sample.tokens = static_cast<std::uint64_t>(drawn);
    const scaling_order order = control.observe(now, sample);
    if (order.what != kind::nothing) carry_out(order);
    for (std::string& e : control.take_events()) events.push_back(std::move(e));
  }
  void run(int seconds, const std::function<double(int)>& demand) {
    for (int t = 0; t < seconds; ++t) second(demand(t));
  }
  [[nodiscard]] auto count(kind what) const {
    return std::ranges::count(orders, what, [](const auto& o) { return o.second.what; });
  }
  [[nodiscard]] bool told(std::string_view text) const {
    return std::ranges::any_of(events,
                               [&](const auto& e) { return e.find(text) != std::string::npos; });
  }
};

scaling_control::limits wide() {
  scaling_control::limits l;
  l.policy.least = 1;
  l.policy.most = 6;
  return l;
}

TEST_CASE("a load that comes and goes adds nodes, drains them again and takes them away") {
  script s(1, wide());
  s.run(300, [](int) { return 350.0; });
  CHECK(s.sample.nodes.size() >= 4);
  CHECK(s.count(kind::drain) == 0);
  CHECK(s.told("autoscaling: asking for 1 node more: requests wait"));
  CHECK(s.told("autoscaling: there are 2 nodes now"));
  s.run(3600, [](int) { return 20.0; });
  CHECK(s.sample.nodes.size() == 1);
  CHECK(s.count(kind::drain) == s.count(kind::shrink));
  CHECK(s.control.state().removed == static_cast<std::uint64_t>(s.count(kind::shrink)));
  CHECK(s.control.state().failures == 0);
  // The youngest goes first, and is taken away once it has left.
  const auto first =
      std::ranges::find(s.orders, kind::drain, [](const auto& o) { return o.second.what; });
  REQUIRE(first + 1 < s.orders.end());
  CHECK(first[1].second.what == kind::shrink);
  CHECK(first[1].second.node == first[0].second.node);
  CHECK(first[1].second.host == "h");
  CHECK(first[1].first - first[0].first == 3s);
}

TEST_CASE("a load that swings is not followed") {
  for (const int period : {4, 20, 60}) {
    CAPTURE(period);
    script s(3, wide());
    const auto swing = [&](int t) { return t % period < period / 2 ? 420.0 : 60.0; };
    s.run(1200, swing);
    s.orders.clear();
    s.run(3600, swing);
    CHECK(s.orders.size() <= 4);
  }
}

TEST_CASE("a provider that fails is asked less and less often, and at once again after it works") {
  script s(1, wide());
  bool broken = true;
  s.provider = [&](const scaling_order&) -> result<void> {
    if (broken) return fail(errc::io_error, "exit status 3: no quota");
    return {};
  };
  s.run(3600, [](int) { return 500.0; });
  REQUIRE(s.orders.size() >= 5);
  CHECK(s.orders.size() <= 11);  // 20, 40, 80 ... 600 s between
  for (std::size_t i = 2; i < s.orders.size(); ++i)
    CHECK(s.orders[i].first - s.orders[i - 1].first >=
          s.orders[i - 1].first - s.orders[i - 2].first);
  CHECK(
      s.told("1 node could not be had: exit status 3: no quota; nothing is asked for within 20 s"));
  CHECK(s.told("within 600 s"));
  CHECK(s.control.state().added == 0);
  CHECK(s.control.state().failures == s.orders.size());
  broken = false;
  s.run(1200, [](int) { return 500.0; });
  CHECK(s.sample.nodes.size() == 6);
}

TEST_CASE("nodes that were asked for and do not come are given up, and that counts as a failure") {
  auto l = wide();
  l.join_within = 60s;
  l.policy.most = 2;
  script s(1, l);
  s.arrives = false;
  s.run(40, [](int) { return 120.0; });
  REQUIRE(s.orders.size() == 1);
  CHECK(s.control.state().wanted == 2);
  s.run(40, [](int) { return 120.0; });
  CHECK(s.told("1 node asked for did not join within 60 s"));
  CHECK(s.control.state().wanted == 1);
  s.run(20, [](int) { return 120.0; });
  CHECK(s.orders.size() == 2);
}

TEST_CASE("nodes that join before the call has ended are not awaited twice") {
  script s(1, wide());
  s.arrives = false;
  s.provider = [&](const scaling_order& order) -> result<void> {
    for (std::uint32_t i = 0; i < order.count; ++i) s.add();
    return {};
  };
  s.run(20, [](int) { return 150.0; });
  CHECK(s.sample.nodes.size() == 2);
  CHECK(s.told("there are 2 nodes now"));
  s.run(400, [](int) { return 150.0; });
  CHECK(s.control.state().failures == 0);
}

TEST_CASE("while a call is under way nothing else is ordered") {
  script s(1, wide());
  s.sample.queued = 2s;
  std::vector<scaling_order> orders;
  for (int t = 0; t < 100; ++t) {
    const auto order = s.control.observe(s.now += 1s, s.sample);
    if (order.what != kind::nothing) orders.push_back(order);
  }
  CHECK(orders.size() == 1);
  s.control.done(s.now, fail(errc::deadline_exceeded, "no answer"));
  CHECK(s.control.observe(s.now += 19s, s.sample).what == kind::nothing);
  CHECK(s.control.observe(s.now += 1s, s.sample).what == kind::grow);
}

TEST_CASE("a node that is refused to be drained stays; one that cannot be removed is left alone") {
  script s(3, wide());
  s.node("n3").removable = false;
  s.provider = [](const scaling_order& order) -> result<void> {
    if (order.what == kind::drain) return fail(errc::out_of_memory, "the others have no room");
    return {};
  };
  s.run(150, [](int) { return 0.0; });
  REQUIRE(s.orders.size() == 1);
  CHECK(s.orders.front().second.node == "n2");
  CHECK(s.told("n2 cannot be drained: the others have no room"));
  CHECK(s.sample.nodes.size() == 3);
  for (auto& n : s.sample.nodes) n.removable = false;
  s.run(600, [](int) { return 0.0; });
  CHECK(s.told("no node can be taken away"));
}

TEST_CASE("a drain that takes long is said once, and the node is taken away when it ends") {
  auto l = wide();
  l.drain_within = 30s;
  script s(2, l);
  s.run(62, [](int) { return 0.0; });
  REQUIRE(s.count(kind::drain) == 1);
  s.draining.clear();
  s.run(600, [](int) { return 0.0; });
  CHECK(std::ranges::count_if(s.events, [](const auto& e) {
          return e.find("n2 has not been drained within 30 s") != std::string::npos;
        }) == 1);
  std::erase_if(s.sample.nodes, [](const auto& n) { return n.name == "n2"; });
  s.run(2, [](int) { return 0.0; });
  CHECK(s.orders.back().second.what == kind::shrink);
  CHECK(s.orders.back().second.node == "n2");
}

TEST_CASE(
    "a node that was started again while it was drained is not taken away as if it were empty") {
  script s(2, wide());
  s.run(62, [](int) { return 0.0; });
  REQUIRE(s.count(kind::drain) == 1);
  s.draining.clear();
  scaling_node& again = s.node("n2");
  again.peer = 77;
  again.draining = false;
  s.run(2, [](int) { return 0.0; });
  CHECK(s.count(kind::shrink) == 0);
  CHECK(s.told("n2 ended while it was drained"));
}

TEST_CASE(
    "the nodes there are get time to join; then a cluster with too few is brought to its least") {
  auto l = wide();
  l.policy.least = 3;
  l.settle = 60s;
  script s(0, l);
  s.sample.serving = false;
  const auto look = [&] { return s.control.observe(s.now += 1s, s.sample); };
  for (int t = 0; t < 60; ++t) REQUIRE(look().what == kind::nothing);
  const scaling_order order = look();
  CHECK(order.what == kind::grow);
  CHECK(order.count == 3);

  script serving(3, l);  // another leader's nodes have joined at once
  serving.run(2, [](int) { return 0.0; });
  std::erase_if(serving.sample.nodes, [](const auto& n) { return n.name == "n2"; });
  serving.run(15, [](int) { return 0.0; });
  CHECK(serving.orders.empty());  // it may be started again
  serving.second(0);
  REQUIRE(serving.orders.size() == 1);
  CHECK(serving.orders.front().second.what == kind::grow);
  CHECK(serving.told("2 nodes, at least 3 are wanted"));
}

TEST_CASE("a node that ends and comes back is not replaced") {
  auto l = wide();
  l.policy.least = 3;
  l.policy.most = 3;
  script s(3, l);
  for (int i = 0; i < 20; ++i) {
    s.second(0);
    s.sample.nodes.erase(s.sample.nodes.begin());
    s.run(10, [](int) { return 0.0; });
    s.add();
    s.run(30, [](int) { return 0.0; });
  }
  CHECK(s.orders.empty());
}

}  // namespace
}  // namespace troupe::test
