#include "actors/bin/scaling_loop.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace troupe::cli {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// What a scripted provider and cluster share.
struct world {
  cluster_view view;
  engine_stats stats;
  std::optional<clock::time_point> waiting_since;
  std::vector<std::string> calls;
  std::vector<std::string> notes;
  cluster_view::scaling_state shown;
  std::optional<result<void>> outcome;  ///< of the provider's call, once it is known
  result<void> drains;

  void add(const std::string& name, const std::string& state = "up") {
    view.nodes.push_back({name, view.nodes.size() + 1, "h", 1, state, "AVX2", 1, 1, {}});
  }
};

class scripted_provider final : public scale_provider {
 public:
  explicit scripted_provider(world& w) : w_(w) {}
  [[nodiscard]] std::string means() const override { return "command"; }
  void grow(std::uint32_t count, time_point) override {
    w_.calls.push_back("grow " + std::to_string(count));
  }
  void shrink(const std::string& node, const std::string& host, time_point) override {
    w_.calls.push_back("shrink " + node + " " + host);
  }
  [[nodiscard]] std::optional<result<void>> poll(time_point) override {
    return std::exchange(w_.outcome, std::nullopt);
  }
  [[nodiscard]] bool removable(const std::string& node) const override { return node != "fixed"; }

 private:
  world& w_;
};

std::unique_ptr<scaling_driver> driver_for(world& w) {
  scaling_control::limits l;
  l.policy.least = 1;
  l.policy.most = 4;
  l.policy.up_after = 1s;
  l.policy.down_after = 2s;
  l.policy.up_cooldown = l.policy.down_cooldown = 1s;
  scaled_cluster c;
  c.view = [&w] { return w.view; };
  c.stats = [&w] { return w.stats; };
  c.waiting_since = [&w] { return w.waiting_since; };
  c.drain = [&w](const std::string& node) {
    w.calls.push_back("drain " + node);
    if (w.drains)
      for (auto& n : w.view.nodes)
        if (n.name == node) n.state = "draining";
    return w.drains;
  };
  c.note = [&w](const std::string& line) { w.notes.push_back(line); };
  c.show = [&w](cluster_view::scaling_state now) { w.shown = std::move(now); };
  return std::make_unique<scaling_driver>(l, std::make_unique<scripted_provider>(w), std::move(c));
}

}  // namespace

TEST_CASE("a request that waits makes the cluster grow, and idleness makes it shrink again") {
  world w;
  w.view.serving = true;
  w.add("fixed");
  w.add("gone-before", "gone");
  const auto driver = driver_for(w);
  clock::time_point now{1h};
  w.waiting_since = now;
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) driver->step(now += 250ms);
  };
  steps(12);
  REQUIRE(w.calls == std::vector<std::string>{"grow 1"});
  CHECK(w.shown.means == "command");
  CHECK(w.shown.queued == doctest::Approx(3));
  CHECK(w.notes.size() == 1);
  steps(40);  // the call is under way
  CHECK(w.calls.size() == 1);
  w.outcome = result<void>();
  w.add("extra");
  w.waiting_since.reset();
  steps(1);
  CHECK(w.notes.back() == "autoscaling: there are 2 nodes now");
  CHECK(w.shown.added == 1);
  steps(20);
  REQUIRE(w.calls == std::vector<std::string>{"grow 1", "drain extra"});
  std::erase_if(w.view.nodes, [](const auto& n) { return n.name == "extra"; });
  steps(1);
  REQUIRE(w.calls.back() == "shrink extra h");
  w.outcome = fail(errc::io_error, "exit status 1: cannot delete");
  steps(1);
  CHECK(w.notes.back().find("extra could not be taken away: exit status 1: cannot delete") !=
        std::string::npos);
  CHECK(w.shown.failures == 1);
  CHECK(w.shown.removed == 1);
}

TEST_CASE("the loop steps until it is destroyed") {
  world w;
  w.add("fixed");
  std::atomic<int> shown = 0;
  scaled_cluster c;
  c.view = [&w] { return w.view; };
  c.stats = [] { return engine_stats{}; };
  c.waiting_since = [] { return std::nullopt; };
  c.drain = [](const std::string&) { return result<void>(); };
  c.note = [](const std::string&) {};
  c.show = [&shown](const cluster_view::scaling_state&) { ++shown; };
  auto loop = scaling_loop::start(std::make_unique<scaling_driver>(
      scaling_control::limits{}, std::make_unique<scripted_provider>(w), std::move(c)));
  REQUIRE(loop);
  const auto deadline = clock::now() + 20s;
  while (shown < 3 && clock::now() < deadline) std::this_thread::yield();
  CHECK(shown >= 3);
  loop->reset();
}

}  // namespace troupe::cli
