#include "actors/cluster/data_port.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "runtime/transport/inproc/inproc_hub.hpp"

namespace troupe {
namespace {

constexpr frame_kind kind = 7;
constexpr std::chrono::seconds patience{20};

/// Two ends that know each other.
struct pair {
  inproc_hub hub;
  std::shared_ptr<data_port> here = std::make_shared<data_port>(hub.open(1).value());
  std::shared_ptr<data_port> there = std::make_shared<data_port>(hub.open(2).value());

  pair() {
    for (const auto& port : {here, there}) port->start([](peer_id, const error&) {});
    REQUIRE(here->connect({2, there->address(), 5}));
    REQUIRE(there->connect({1, here->address(), 5}));
  }
};

}  // namespace

TEST_CASE("a port that is closed waits for whoever is being handed a frame") {
  pair ends;
  std::promise<void> entered;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future();
  // As a taker does whose owner lives by a weak pointer: for a moment it holds the port itself.
  ends.there->route(kind, [weak = std::weak_ptr(ends.there), &entered, &may_go_on](auto&&) {
    const auto held = weak.lock();
    entered.set_value();
    may_go_on.wait_for(patience);
  });
  REQUIRE(ends.here->send(2, {kind, {}, {}}));
  REQUIRE(entered.get_future().wait_for(patience) == std::future_status::ready);
  std::atomic<bool> closed = false;
  std::jthread closing([&] {
    ends.there->close();
    closed = true;
    ends.there.reset();  // the last one, and not on the port's own thread
  });
  CHECK_FALSE(closed);
  go_on.set_value();
  closing.join();
  CHECK(closed);
}

TEST_CASE("a closed port hands on nothing and keeps nothing") {
  pair ends;
  const auto token = std::make_shared<int>(0);
  std::atomic<int> taken = 0;
  const auto count = [&taken, token](incoming_frame&&) { ++taken; };
  ends.there->route(kind, count);
  ends.there->close();
  ends.there->route(kind, count);
  CHECK(token.use_count() == 2);               // this one and `count`'s
  CHECK(ends.there->send(2, {kind, {}, {}}));  // to itself
  CHECK(ends.there->dropped() == 1);
  CHECK(taken == 0);
}

}  // namespace troupe
