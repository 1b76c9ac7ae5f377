#include <doctest/doctest.h>

#include "runtime/transport/fault/fault_clock.hpp"
#include "runtime/transport/fault/fault_transport.hpp"
#include "runtime/transport/inproc/inproc_hub.hpp"
#include "tests/runtime/transport/test_peer.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;

/// Peer 1 behind a fault transport, joined to peers 2 and 3.
struct faulty_trio {
  explicit faulty_trio(std::uint64_t seed = 1)
      : one(make(seed)), two(hub.open(2).value()), three(hub.open(3).value()) {
    for (test_peer* peer : {&one, &two, &three}) peer->start();
    join(one, two);
    join(one, three);
  }
  std::unique_ptr<transport> make(std::uint64_t seed) {
    auto made = std::make_unique<fault_transport>(hub.open(1).value(), seed, epoch);
    faults = made.get();
    return made;
  }
  void send(int count, peer_id to = 2, frame_kind kind = 1) {
    for (int i = 0; i < count; ++i)
      REQUIRE(send_patiently(one.get(), to, make_frame(kind, std::to_string(sent++))));
  }
  /// Numbers of the frames that have arrived, once a last one, sent past all faults, is there.
  std::vector<int> arrived(test_peer& at) {
    faults->clear_rules();
    faults->release();
    faults->advance(epoch + 1h);
    REQUIRE(send_patiently(one.get(), at.self(), make_frame(99, "-1")));
    std::vector<int> numbers;
    REQUIRE(eventually([&] {
      for (const incoming_frame& frame : at.take_frames())
        numbers.push_back(std::stoi(text_of(frame.header)));
      return !numbers.empty() && numbers.back() == -1;
    }));
    numbers.pop_back();
    return numbers;
  }

  fault_transport::clock::time_point epoch{};
  inproc_hub hub;
  fault_transport* faults = nullptr;
  test_peer one, two, three;
  int sent = 0;
};

std::vector<int> numbers(int from, int to) {
  std::vector<int> all;
  for (int i = from; i < to; ++i) all.push_back(i);
  return all;
}

TEST_CASE("without rules everything passes") {
  faulty_trio trio;
  trio.send(100);
  CHECK(trio.faults->held() == 0);
  CHECK(trio.arrived(trio.two) == numbers(0, 100));
}

TEST_CASE("the same seed strikes the same frames, another one others") {
  const auto run = [](std::uint64_t seed, bool beside) {
    faulty_trio trio(seed);
    trio.faults->add({.peer = 2, .drop = 0.3, .duplicate = 0.2, .reorder = 0.2, .overtaken_by = 3});
    for (int i = 0; i < 200; ++i) {
      trio.send(1);
      if (beside) REQUIRE(send_patiently(trio.one.get(), 3, make_frame(1, "0")));
    }
    return trio.arrived(trio.two);
  };
  const auto first = run(5, false);
  CHECK(first == run(5, false));
  CHECK(first == run(5, true));  // traffic to others changes nothing
  CHECK(first != run(6, false));
  CHECK(first != numbers(0, 200));
  CHECK(first.size() > 100);
}

TEST_CASE("rules strike the peer, the kind and the frames they name") {
  faulty_trio trio;
  trio.faults->add({.peer = 2, .kind = 7, .after = 2, .most = 3, .drop = 1});
  trio.send(10, 2, 7);
  trio.send(5, 2, 8);
  trio.send(5, 3, 7);
  CHECK(trio.faults->dropped() == 3);
  auto expected = numbers(0, 15);
  expected.erase(expected.begin() + 2, expected.begin() + 5);
  CHECK(trio.arrived(trio.two) == expected);
  CHECK(trio.arrived(trio.three) == numbers(15, 20));
}

TEST_CASE("delayed frames go when their time has come, in order") {
  faulty_trio trio;
  trio.faults->add({.peer = 2, .most = 3, .delay_least = 10ms, .delay_most = 10ms});
  trio.send(3);
  trio.faults->advance(trio.epoch + 5ms);
  trio.send(2);  // no delay of their own, behind those that have
  CHECK(trio.faults->held() == 5);
  trio.faults->advance(trio.epoch + 9ms);
  CHECK(trio.faults->held() == 5);
  CHECK(trio.two.frames() == 0);
  trio.faults->advance(trio.epoch + 10ms);
  CHECK(trio.faults->held() == 0);
  CHECK(trio.arrived(trio.two) == numbers(0, 5));
}

TEST_CASE("random delays keep a peer's frames in order") {
  faulty_trio trio;
  trio.faults->add({.delay_least = 1ms, .delay_most = 20ms});
  trio.send(50);
  trio.send(50, 3);
  for (auto t = 0ms; t < 30ms; ++t) trio.faults->advance(trio.epoch + t);
  CHECK(trio.faults->held() == 0);
  CHECK(trio.arrived(trio.two) == numbers(0, 50));
  CHECK(trio.arrived(trio.three) == numbers(50, 100));
}

TEST_CASE("a frame is overtaken by as many as the rule says") {
  faulty_trio trio;
  trio.faults->add({.most = 1, .reorder = 1, .overtaken_by = 2});
  trio.send(5);
  CHECK(trio.arrived(trio.two) == std::vector<int>{1, 2, 0, 3, 4});
}

TEST_CASE("a duplicated frame arrives twice") {
  faulty_trio trio;
  trio.faults->add({.after = 1, .most = 1, .duplicate = 1});
  trio.send(3);
  CHECK(trio.arrived(trio.two) == std::vector<int>{0, 1, 1, 2});
}

TEST_CASE("a severed peer hears nothing and says nothing until it is healed") {
  faulty_trio trio;
  trio.faults->add({.peer = 2, .most = 2, .delay_least = 1ms, .delay_most = 1ms});
  trio.send(2);
  trio.faults->sever(2);
  trio.faults->advance(trio.epoch + 1s);
  trio.send(3);
  trio.send(4, 3);
  REQUIRE(trio.two.get().send(1, make_frame(1, "unheard")));
  REQUIRE(eventually([&] { return trio.faults->dropped() == 6; }));
  trio.faults->heal(2);
  trio.send(2);
  REQUIRE(trio.two.get().send(1, make_frame(1, "heard")));
  REQUIRE(trio.one.wait_frames(1));
  CHECK(text_of(trio.one.take_frames()[0].header) == "heard");
  CHECK(trio.arrived(trio.two) == numbers(9, 11));
  CHECK(trio.arrived(trio.three) == numbers(5, 9));
  CHECK(trio.one.losses().empty());
  CHECK(trio.two.losses().empty());
}

TEST_CASE("a broken connection is lost to both ends, and a new one works") {
  faulty_trio trio;
  trio.faults->add({.peer = 2, .delay_least = 1ms, .delay_most = 1ms});
  trio.send(3);
  trio.faults->break_connection(2);
  CHECK(trio.one.losses().size() == 1);
  REQUIRE(trio.two.wait_losses(1));
  CHECK(trio.faults->held() == 0);
  CHECK(trio.one.get().send(2, make_frame(1, "x")).error().code() == errc::not_found);
  trio.faults->break_connection(2);
  CHECK(trio.one.losses().size() == 1);
  join(trio.one, trio.two);
  trio.send(2);
  CHECK(trio.arrived(trio.two) == numbers(3, 5));
}

TEST_CASE("a fault clock moves time along") {
  faulty_trio trio;
  trio.faults->add({.peer = 2, .delay_least = 2ms, .delay_most = 4ms});
  trio.send(3);
  const fault_clock running(*trio.faults);
  REQUIRE(trio.two.wait_frames(3));
  trio.send(3);
  REQUIRE(trio.two.wait_frames(6));
}

}  // namespace
}  // namespace troupe::test
