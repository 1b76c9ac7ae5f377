// The plain classes that transports are made of.
#include <doctest/doctest.h>

#include "runtime/transport/credits.hpp"
#include "runtime/transport/frame_order.hpp"
#include "runtime/transport/frame_sizes.hpp"
#include "runtime/transport/keepalive.hpp"
#include "runtime/transport/spin_budget.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

TEST_CASE("credits bound frames and bytes that are out, and come back") {
  credit_window window({3, 100});
  CHECK(window.takes(5000));  // larger than the window: alone
  window.take(40);
  CHECK(window.takes(60));
  CHECK_FALSE(window.takes(61));
  window.take(60);
  CHECK_FALSE(window.takes(1));
  CHECK(window.returned({1, 40}));
  CHECK(window.takes(40));
  CHECK(window.returned({0, 0}));  // an old message changes nothing
  CHECK(window.outstanding() == frame_totals{1, 60});
  window.take(0);
  window.take(0);
  CHECK_FALSE(window.takes(0));
  CHECK_FALSE(window.returned({5, 100}));
  CHECK_FALSE(window.returned({4, 101}));
  CHECK(window.returned({4, 100}));
  CHECK(window.outstanding() == frame_totals{});
}

TEST_CASE("a ledger rings once a quarter of the window is back, until that was told") {
  int rung = 0;
  credit_ledger ledger({8, 1000}, [&] { ++rung; });
  ledger.release(10);
  ledger.release(10);
  CHECK(rung == 0);
  CHECK_FALSE(ledger.due());
  CHECK(ledger.untold());
  ledger.release(10);
  CHECK(rung == 1);
  CHECK(ledger.due());
  ledger.told(ledger.released());
  CHECK_FALSE(ledger.due());
  CHECK_FALSE(ledger.untold());
  ledger.release(251);
  CHECK(rung == 2);
  CHECK(ledger.released() == frame_totals{4, 281});
}

TEST_CASE("the last reference to a frame's memory gives its credits back") {
  auto ledger = std::make_shared<credit_ledger>(frame_totals{8, 1000}, nullptr);
  std::shared_ptr<const void> first =
      std::make_shared<received_memory>(ledger, 30, aligned_bytes(20));
  std::shared_ptr<const void> second = first;
  first.reset();
  CHECK(ledger->released() == frame_totals{0, 0});
  second.reset();
  CHECK(ledger->released() == frame_totals{1, 30});
}

TEST_CASE("frames are put in order, and numbers that cannot be are refused") {
  frame_order order(4);
  const auto frame = [](frame_kind kind) { return incoming_frame{1, kind, {}, {}, {}}; };
  CHECK(order.begin(1));
  CHECK(order.begin(0));
  CHECK_FALSE(order.begin(1));
  CHECK_FALSE(order.begin(4));
  CHECK(order.begin(3));
  order.complete(1, frame(101));
  CHECK_FALSE(order.next());
  order.complete(0, frame(100));
  CHECK(order.next()->kind == 100);
  CHECK(order.next()->kind == 101);
  CHECK_FALSE(order.next());
  CHECK_FALSE(order.begin(0));
  order.complete(3, frame(103));
  CHECK_FALSE(order.next());
  CHECK(order.begin(2));
  order.complete(2, frame(102));
  CHECK(order.next()->kind == 102);
  CHECK(order.next()->kind == 103);
  CHECK(order.begin(7));
  CHECK_FALSE(order.begin(8));
}

TEST_CASE("a silent peer is asked once an interval and given up at the deadline") {
  using verdict = keepalive::verdict;
  auto now = keepalive::clock::time_point{} + 1h;
  keepalive life(100ms, 700ms, now);
  const auto tick = [&] { return life.tick(now += 50ms); };
  CHECK(tick() == verdict::nothing);
  CHECK(tick() == verdict::ask);
  CHECK(tick() == verdict::nothing);
  CHECK(tick() == verdict::ask);
  life.heard();
  CHECK(tick() == verdict::nothing);
  int asked = 0;
  int ticks = 0;
  for (verdict v = verdict::nothing; v != verdict::lost; ++ticks) {
    v = tick();
    asked += v == verdict::ask ? 1 : 0;
  }
  CHECK(ticks == 14);
  CHECK(asked == 7);
}

TEST_CASE("a peer that keeps talking is not asked") {
  auto now = keepalive::clock::time_point{} + 1h;
  keepalive life(100ms, 700ms, now);
  for (int i = 0; i < 100; ++i) {
    life.heard();
    CHECK(life.tick(now += 50ms) == keepalive::verdict::nothing);
  }
}

TEST_CASE("time in which this process did not run is not held against peers") {
  auto now = keepalive::clock::time_point{} + 1h;
  keepalive life(100ms, 700ms, now);
  for (int i = 0; i < 3; ++i) CHECK(life.tick(now += 20s) != keepalive::verdict::lost);
  life.heard();
  CHECK(life.tick(now += 50ms) == keepalive::verdict::nothing);
  CHECK(life.silent() == 0ms);
}

TEST_CASE("without an interval silence is nobody's concern") {
  auto now = keepalive::clock::time_point{};
  keepalive life(0ms, 700ms, now);
  for (int i = 0; i < 100; ++i) CHECK(life.tick(now += 1s) == keepalive::verdict::nothing);
}

TEST_CASE("spinning pays while pauses are short and ends when they are long") {
  const spin_budget::time_point now{};
  spin_budget spin(50us);
  CHECK(spin.current() == 50us);
  for (int i = 0; i < 20; ++i) spin.observe(10ms, now);
  CHECK(spin.current() == 0us);
  spin.observe(10us, now);
  CHECK(spin.current() == 20us);
  spin.observe(5us, now);
  CHECK(spin.current() == 20us);
  spin.observe(90us, now);
  CHECK(spin.current() == 50us);
  spin.observe(101us, now);
  CHECK(spin.current() == 25us);
  spin_budget never(0us);
  never.observe(0us, now);
  CHECK(never.current() == 0us);
}

TEST_CASE("where threads compete for processors nobody spins") {
  auto now = spin_budget::time_point{} + 1h;
  spin_budget spin(50us);
  auto expected = spin_budget::duration(spin_budget::shortest_rest);
  for (int i = 0; i < 12; ++i) {
    spin.preempted(now);
    spin.observe(10us, now + expected - 1ns);
    CHECK(spin.current() == 0us);
    spin.observe(10us, now + expected);
    CHECK(spin.current() == 20us);
    now += expected;
    expected = std::min<spin_budget::duration>(2 * expected, spin_budget::longest_rest);
  }
  // After a good while without, it starts over.
  now += 1min;
  spin.preempted(now);
  spin.observe(10us, now + spin_budget::shortest_rest);
  CHECK(spin.current() == 20us);
}

}  // namespace
}  // namespace troupe
