#include "cluster/autoscaler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace troupe::test {
namespace {

using namespace std::chrono_literals;

/// A cluster in which every node brings 100 tokens a second. What is asked beyond that queues;
/// nodes asked for serve 10 s later.
struct script {
  autoscaler policy;
  autoscaler::time_point now{1h};
  std::uint32_t nodes;
  std::uint32_t serving;
  double backlog = 0;  ///< tokens
  int ups = 0, downs = 0;
  std::uint32_t most = 0, least = 1000;
  std::vector<std::pair<autoscaler::time_point, std::uint32_t>> starting;
  std::string last;

  script(std::uint32_t first, autoscaler::limits l) : policy(l), nodes(first), serving(first) {}

  void second(double demand) {
    now += 1s;
    while (!starting.empty() && starting.front().first <= now) {
      serving += starting.front().second;
      starting.erase(starting.begin());
    }
    const double able = serving * 100.0;
    const double done = std::min(able, demand + backlog);
    backlog += demand - done;
    load_sample s;
    s.nodes = nodes;
    s.serving = serving;
    s.queued = std::chrono::duration<double>(backlog / able);
    s.kv_use = 0.8 * done / able;
    s.tokens_per_second = done;
    const scale_decision d = policy.observe(now, s);
    REQUIRE_FALSE(d.reason.empty());
    last = d.reason;
    if (d.what == scale_action::up) {
      REQUIRE(d.nodes > nodes);
      ++ups;
      starting.emplace_back(now + 10s, d.nodes - nodes);
    } else if (d.what == scale_action::down) {
      REQUIRE(d.nodes + 1 == nodes);
      ++downs;
      --serving;
    }
    nodes = d.nodes;
    most = std::max(most, nodes);
    least = std::min(least, nodes);
  }
  void run(int seconds, const std::function<double(int)>& demand) {
    for (int t = 0; t < seconds; ++t) second(demand(t));
  }
};

autoscaler::limits wide() {
  autoscaler::limits l;
  l.least = 1;
  l.most = 8;
  return l;
}

TEST_CASE("a steady load that fits changes nothing") {
  script s(3, wide());
  s.run(3600, [](int) { return 220.0; });
  CHECK(s.ups + s.downs == 0);
  CHECK(s.last == "load is within bounds");
}

TEST_CASE("a ramp is followed up and down again") {
  script s(1, wide());
  s.run(1200, [](int t) { return 50 + 550 * t / 1200.0; });
  CHECK(s.nodes >= 6);
  CHECK(s.downs == 0);
  const int ups = s.ups;
  s.run(600, [](int) { return 600.0; });
  CHECK(s.backlog < 600);
  s.run(3600, [](int t) { return std::max(50.0, 600 - 0.5 * t); });
  CHECK(s.nodes <= 2);
  CHECK(s.ups <= ups + 2);
}

TEST_CASE("a spike shorter than it counts is let pass, a longer one gets more nodes at once") {
  script s(4, wide());
  s.run(30, [](int) { return 300.0; });
  s.run(3, [](int) { return 1500.0; });
  CHECK(s.ups == 0);
  script longer(8, [] {
    auto l = wide();
    l.most = 40;
    return l;
  }());
  longer.run(30, [](int) { return 600.0; });
  longer.run(20, [](int) { return 6000.0; });
  CHECK(longer.ups == 1);
  CHECK(longer.nodes == 10);
  CHECK(longer.last.find("s must pass") != std::string::npos);
}

TEST_CASE("a load that swings does not make the cluster swing") {
  for (const int period : {4, 20, 60, 120}) {
    CAPTURE(period);
    script s(3, wide());
    const auto swing = [&](int t) { return t % period < period / 2 ? 420.0 : 60.0; };
    s.run(1200, swing);
    s.ups = s.downs = 0;
    s.most = 0;
    s.least = 1000;
    s.run(3600, swing);
    CHECK(s.ups + s.downs <= 2);
    CHECK(s.most - s.least <= 1);
  }
}

TEST_CASE("noise around a border does not flap") {
  script s(4, wide());
  unsigned noise = 1;
  s.run(7200, [&](int) {
    noise = noise * 1103515245U + 12345U;
    return 400.0 + static_cast<double>(noise >> 16U & 127U) - 64;
  });
  CHECK(s.ups <= 2);
  CHECK(s.downs == 0);
}

TEST_CASE("bounds hold, and a cluster outside them is brought back") {
  auto l = wide();
  l.least = 2;
  l.most = 3;
  script busy(2, l);
  busy.run(600, [](int) { return 2000.0; });
  CHECK(busy.nodes == 3);
  CHECK(busy.last.find("but 3 nodes are the most") != std::string::npos);
  script idle(3, l);
  idle.run(3600, [](int) { return 0.0; });
  CHECK(idle.nodes == 2);
  CHECK(idle.last.find("but 2 nodes are the least") != std::string::npos);

  autoscaler a(l);
  load_sample lost;
  lost.nodes = lost.serving = 1;
  const autoscaler::time_point start{1h};
  const scale_decision d = a.observe(start, lost);
  CHECK(d.what == scale_action::up);
  CHECK(d.nodes == 2);
  CHECK(d.reason == "1 nodes, at least 2 are wanted");
  CHECK(a.observe(start + 1s, lost).what == scale_action::hold);  // it is on its way
  CHECK(a.observe(start + 21s, lost).what == scale_action::up);   // it did not come
  load_sample many;
  many.nodes = many.serving = 5;
  CHECK(a.observe(start + 60s, many).nodes == 4);
}

TEST_CASE("KV use alone is a cause, and keeps a node that the queue does not need") {
  autoscaler a(wide());
  load_sample s;
  s.nodes = s.serving = 4;
  s.kv_use = 0.9;
  autoscaler::time_point now{1h};
  scale_decision d;
  for (int i = 0; i < 6; ++i) d = a.observe(now += 1s, s);
  CHECK(d.what == scale_action::up);
  CHECK(d.reason == "KV use is 90 %, more than 85 %");
  s.kv_use = 0.5;  // 67 % with a node less
  for (int i = 0; i < 1000; ++i) REQUIRE(a.observe(now += 1s, s).what == scale_action::hold);
}

TEST_CASE("nodes that are busy without a queue are kept, idle ones are not") {
  autoscaler a(wide());
  load_sample s;
  s.nodes = s.serving = 4;
  s.kv_use = 0.1;
  s.tokens_per_second = 400;  // shows what a node can do
  autoscaler::time_point now{1h};
  for (int i = 0; i < 600; ++i) REQUIRE(a.observe(now += 1s, s).what == scale_action::hold);
  s.tokens_per_second = 250;  // more than 70 % of what three nodes have shown
  for (int i = 0; i < 600; ++i) REQUIRE(a.observe(now += 1s, s).what == scale_action::hold);
  s.tokens_per_second = 150;
  scale_decision d;
  for (int i = 0; i < 600 && d.what == scale_action::hold; ++i) d = a.observe(now += 1s, s);
  CHECK(d.what == scale_action::down);
  CHECK(d.nodes == 3);
}

}  // namespace
}  // namespace troupe::test
