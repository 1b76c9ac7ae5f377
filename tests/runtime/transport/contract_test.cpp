// What every transport promises, on each family that this program is built with.
#include <doctest/doctest.h>

#include "tests/runtime/transport/contract_support.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("frames arrive whole and in order, whatever their sizes") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    const std::size_t sizes[] = {0, 1, 63, 64, 5000, 70000, 0, 1 << 20, 8, 3 << 20, 65536, 2};
    std::size_t sent = 0;
    for (int round = 0; round < 5; ++round) {
      for (const std::size_t size : sizes) {
        const auto frame =
            make_frame(static_cast<frame_kind>(sent), std::to_string(sent), pattern(size, sent));
        REQUIRE(send_patiently(two.a.get(), 22, frame));
        REQUIRE(send_patiently(two.b.get(), 11, frame));
        ++sent;
      }
    }
    for (test_peer* peer : {&two.a, &two.b}) {
      REQUIRE(peer->wait_frames(sent));
      const auto frames = peer->take_frames();
      REQUIRE(frames.size() == sent);
      for (std::size_t i = 0; i < sent; ++i) {
        CHECK(frames[i].from == (peer == &two.a ? 22 : 11));
        CHECK(frames[i].kind == i);
        CHECK(text_of(frames[i].header) == std::to_string(i));
        CHECK(reinterpret_cast<std::uintptr_t>(frames[i].payload.data()) % 64 == 0);
        const auto expected = pattern(sizes[i % std::size(sizes)], i);
        CHECK(std::ranges::equal(frames[i].payload, expected));
      }
    }
    const transport_counters counted = two.a.get().counters();
    CHECK(counted.frames_sent == sent);
    CHECK(counted.frames_received == sent);
    CHECK(counted.bytes_sent == counted.bytes_received);
    CHECK(counted.peers == 1);
    CHECK(counted.refused == 0);
  });
}

TEST_CASE("a payload may lie in pieces, and a header be large") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    for (const std::size_t piece : {std::size_t{10}, std::size_t{30000}, std::size_t{400000}}) {
      for (const std::size_t header : {std::size_t{3}, std::size_t{3000}, std::size_t{200000}}) {
        outgoing_frame frame{5, pattern(header, header), {}};
        std::vector<std::byte> whole;
        for (std::uint64_t i = 0; i < 5; ++i) {
          auto owner =
              std::make_shared<const std::vector<std::byte>>(pattern(i == 2 ? 0 : piece + i, i));
          whole.insert(whole.end(), owner->begin(), owner->end());
          frame.payload.push_back({*owner, owner});
        }
        REQUIRE(two.a.get().send(22, std::move(frame)));
        REQUIRE(two.b.wait_frames(1));
        const auto frames = two.b.take_frames();
        CHECK(frames[0].header == pattern(header, header));
        CHECK(std::ranges::equal(frames[0].payload, whole));
      }
    }
  });
}

TEST_CASE("what a payload is sent from is kept until it has left, and then let go") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    auto owner = std::make_shared<const std::vector<std::byte>>(pattern(2 << 20, 1));
    const std::weak_ptr<const std::vector<std::byte>> watched = owner;
    outgoing_frame frame{1, {}, {}};
    frame.payload.push_back({*owner, std::move(owner)});
    REQUIRE(two.a.get().send(22, std::move(frame)));
    REQUIRE(two.b.wait_frames(1));
    {
      const auto frames = two.b.take_frames();
      CHECK(std::ranges::equal(frames[0].payload, pattern(2 << 20, 1)));
    }
    CHECK(eventually([&] { return watched.expired(); }));
  });
}

TEST_CASE("frames sent before the other end is introduced wait for it") {
  on_each_family([](const transport_family& family) {
    for (const bool smaller_first : {true, false}) {
      duo two(family, {}, false);
      test_peer& first = smaller_first ? two.a : two.b;
      test_peer& second = smaller_first ? two.b : two.a;
      REQUIRE(first.get().connect(second.address(9)));
      for (int i = 0; i < 20; ++i)
        REQUIRE(first.get().send(second.self(), make_frame(1, std::to_string(i))));
      CHECK(second.frames() == 0);
      REQUIRE(second.get().connect(first.address(9)));
      REQUIRE(second.wait_frames(20));
      const auto frames = second.take_frames();
      for (std::size_t i = 0; i < 20; ++i) CHECK(text_of(frames[i].header) == std::to_string(i));
    }
  });
}

TEST_CASE("what cannot be is refused at once") {
  on_each_family([](const transport_family& family) {
    transport_limits limits;
    limits.frame_bytes = 1000;
    limits.header_bytes = 100;
    limits.peers = 1;
    duo two(family, limits);
    CHECK(two.a.get().connect(two.b.address(7)).error().code() == errc::already_exists);
    CHECK(two.a.get().connect(two.a.address(7)).error().code() == errc::invalid_argument);
    CHECK(two.a.get().connect({33, two.b.get().address(), 7}).error().code() == errc::exhausted);
    CHECK(two.a.get().send(33, make_frame(1, "x")).error().code() == errc::not_found);
    CHECK(two.a.get().send(22, make_frame(1, "x", pattern(1000, 1))).error().code() ==
          errc::out_of_range);
    CHECK(two.a.get().send(22, make_frame(1, std::string(101, 'x'))).error().code() ==
          errc::out_of_range);
    two.a.get().disconnect(33);
    REQUIRE(two.a.get().send(22, make_frame(1, "x", pattern(999, 1))));
    REQUIRE(two.b.wait_frames(1));
  });
}

TEST_CASE("ends that were given different secrets do not meet") {
  on_each_family([](const transport_family& family) {
    transport_limits limits;
    limits.connect_deadline = 150ms;
    duo two(family, limits, false);
    REQUIRE(two.a.get().connect(two.b.address(1)));
    REQUIRE(two.b.get().connect(two.a.address(2)));
    REQUIRE(two.a.get().send(22, make_frame(1, "x")));
    REQUIRE(two.a.wait_losses(1));
    REQUIRE(two.b.wait_losses(1));
    CHECK(two.b.losses()[0].reason.code() == errc::deadline_exceeded);
    CHECK(two.b.frames() == 0);
    CHECK(two.a.get().counters().peers == 0);
    CHECK(two.a.get().send(22, make_frame(1, "x")).error().code() == errc::not_found);
  });
}

TEST_CASE("a connection that one end closes is lost to the other, and the next one starts clean") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    for (std::uint64_t round = 0; round < 10; ++round) {
      REQUIRE(two.a.get().send(22, make_frame(1, std::to_string(round))));
      REQUIRE(two.b.wait_frames(1));
      const auto frames = two.b.take_frames();
      REQUIRE(frames.size() == 1);
      CHECK(text_of(frames[0].header) == std::to_string(round));
      test_peer& closer = round % 2 == 0 ? two.a : two.b;
      test_peer& other = round % 2 == 0 ? two.b : two.a;
      const std::size_t before = other.losses().size();
      closer.get().disconnect(other.self());
      CHECK(closer.get().send(other.self(), make_frame(1, "late")).error().code() ==
            errc::not_found);
      REQUIRE(other.wait_losses(before + 1));
      CHECK(other.losses().back().peer == closer.self());
      CHECK(other.get().send(closer.self(), make_frame(1, "late")).error().code() ==
            errc::not_found);
      join(two.a, two.b, round % 3 == 0 ? 7 : 100 + round);
    }
    CHECK(two.a.losses().size() == 5);
    CHECK(two.b.losses().size() == 5);
  });
}

TEST_CASE("an end that goes away is lost to the others") {
  on_each_family([](const transport_family& family) {
    const transport_factory factory = family.make({});
    test_peer a(factory.open(1));
    a.start();
    {
      test_peer b(factory.open(2));
      b.start();
      join(a, b);
      REQUIRE(a.get().send(2, make_frame(1, "x")));
      REQUIRE(b.wait_frames(1));
    }
    REQUIRE(a.wait_losses(1));
    CHECK(a.losses()[0].peer == 2);
    CHECK(a.losses()[0].reason.code() == errc::unavailable);
    CHECK(eventually([&] { return a.get().counters().peers == 0; }));
  });
}

}  // namespace
}  // namespace troupe::test
