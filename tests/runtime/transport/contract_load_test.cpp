// What every transport promises under load: bounds, large frames, many threads.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/runtime/transport/contract_support.hpp"

namespace troupe::test {
namespace {

TEST_CASE("a receiver that keeps what it got slows its sender down and nobody else") {
  on_each_family([](const transport_family& family) {
    transport_limits limits;
    limits.window_frames = 16;
    limits.window_bytes = 1 << 20;
    limits.queue_frames = 8;
    limits.queue_bytes = 1 << 20;
    const transport_factory factory = family.make(limits);
    test_peer sender(factory.open(1));
    test_peer slow(factory.open(2));
    test_peer quick(factory.open(3));
    for (test_peer* peer : {&sender, &slow, &quick}) peer->start();
    join(sender, slow);
    join(sender, quick);
    for (const std::size_t size : {std::size_t{0}, std::size_t{200 << 10}}) {
      const std::size_t most = size == 0 ? 16 : 5;  // that fit into the window
      std::size_t sent = 0;
      const auto fill = [&] {
        while (sender.get().send(2, make_frame(1, std::to_string(sent), pattern(size, sent))))
          ++sent;
      };
      REQUIRE(eventually([&] {
        fill();
        return slow.frames() == most;
      }));
      CHECK(sent <= most + 8);
      CHECK(sender.get().send(2, make_frame(1, "more", pattern(size, 0))).error().code() ==
            errc::exhausted);
      // The other one takes far more than any window meanwhile.
      for (int i = 0; i < 100; ++i) {
        REQUIRE(send_patiently(sender.get(), 3, make_frame(2, "", pattern(100 << 10, 1))));
        REQUIRE(quick.wait_frames(1));
        (void)quick.take_frames();
      }
      CHECK(slow.frames() == most);
      // Once it lets go, everything comes, in order.
      std::size_t seen = 0;
      REQUIRE(eventually([&] {
        for (const incoming_frame& frame : slow.take_frames()) {
          CHECK(text_of(frame.header) == std::to_string(seen));
          ++seen;
        }
        return seen == sent;
      }));
      REQUIRE(send_patiently(sender.get(), 2, make_frame(1, "end")));
      REQUIRE(slow.wait_frames(1));
      CHECK(text_of(slow.take_frames()[0].header) == "end");
    }
  });
}

TEST_CASE("a frame larger than the window goes alone") {
  on_each_family([](const transport_family& family) {
    transport_limits limits;
    limits.window_bytes = 100000;
    limits.queue_bytes = 100000;
    const transport_factory factory = family.make(limits);
    test_peer a(factory.open(1));
    test_peer b(factory.open(2));
    std::atomic<std::uint64_t> whole = 0;
    b.on_frame = [&](incoming_frame&& frame) {
      if (frame.kind == 2 && std::ranges::equal(frame.payload, pattern(1 << 20, whole.load())))
        ++whole;
    };
    a.start();
    b.start();
    join(a, b);
    for (std::uint64_t i = 0; i < 6; ++i) {
      REQUIRE(send_patiently(a.get(), 2, make_frame(1, "small")));
      REQUIRE(send_patiently(a.get(), 2, make_frame(2, "large", pattern(1 << 20, i))));
    }
    CHECK(eventually([&] { return whole.load() == 6; }));
  });
}

TEST_CASE("a payload of 64 MiB arrives") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    const auto payload = pattern(64 << 20, 3);
    REQUIRE(two.a.get().send(22, make_frame(1, "big", payload)));
    REQUIRE(two.b.wait_frames(1));
    CHECK(std::ranges::equal(two.b.take_frames()[0].payload, payload));
  });
}

TEST_CASE("handlers may send and connect, and run one at a time") {
  on_each_family([](const transport_family& family) {
    const transport_factory factory = family.make({});
    test_peer a(factory.open(1));
    test_peer b(factory.open(2));
    std::atomic<int> beside = 0, rounds = 0;
    std::atomic<bool> in_a = false, in_b = false;
    const auto play = [&](test_peer& me, std::atomic<bool>& inside) {
      me.on_frame = [&](incoming_frame&& frame) {
        if (inside.exchange(true)) ++beside;
        if (rounds.fetch_add(1) < 2000) {
          outgoing_frame back{frame.kind, frame.header, {{frame.payload, frame.owner}}};
          if (!me.get().send(frame.from, std::move(back))) ++beside;
        }
        inside.store(false);
      };
    };
    play(a, in_a);
    play(b, in_b);
    // By value: `b` ends first, which is a loss to `a`.
    a.on_loss = [&a, to = b.address(8)](peer_id) { CHECK(a.get().connect(to)); };
    a.start();
    b.start();
    join(a, b);
    REQUIRE(a.get().send(2, make_frame(1, "ball", pattern(1000, 1))));
    CHECK(eventually([&] { return rounds.load() > 2000; }));
    CHECK(beside.load() == 0);

    // The connection that the loss handler began is a good one.
    b.get().disconnect(1);
    REQUIRE(b.get().connect(a.address(8)));
    rounds = 0;
    REQUIRE(b.get().send(1, make_frame(1, "ball", pattern(1000, 1))));
    CHECK(eventually([&] { return rounds.load() > 2000; }));
  });
}

TEST_CASE("an end that was held up hears whoever introduced themselves meanwhile") {
  using namespace std::chrono_literals;
  on_each_family([](const transport_family& family) {
    const transport_factory factory = family.make(transport_limits());
    std::atomic<bool> held = true;
    std::atomic<int> comers_heard = 0;
    std::atomic<int> waited = 0;
    test_peer busy(factory.open(100));
    busy.on_frame = [&](incoming_frame&& frame) {
      if (frame.kind == 2) ++comers_heard;
      if (frame.kind != 1) return;
      // Nothing is read meanwhile: greetings and what follows them come at once.
      for (int i = 0; held && i < 3000; ++i) std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(10ms);
      ++waited;
    };
    test_peer keeps_busy(factory.open(1));
    for (test_peer* peer : {&busy, &keeps_busy}) peer->start();
    join(keeps_busy, busy);
    REQUIRE(send_patiently(keeps_busy.get(), 100, make_frame(1, "wait")));
    std::vector<std::unique_ptr<test_peer>> comers;
    for (peer_id id = 2; id < 10; ++id) {
      comers.push_back(std::make_unique<test_peer>(factory.open(id)));
      comers.back()->start();
      join(*comers.back(), busy, id);
      REQUIRE(comers.back()->get().send(100, make_frame(2, "here")));
    }
    std::this_thread::sleep_for(800ms);  // greetings are said again
    held = false;
    int asked = 1;
    REQUIRE(eventually([&] {
      if (waited == asked && keeps_busy.get().send(100, make_frame(1, "wait"))) ++asked;
      return comers_heard == static_cast<int>(comers.size());
    }));
  });
}

TEST_CASE("several threads may send at once, and each one's frames stay in order") {
  on_each_family([](const transport_family& family) {
    duo two(family);
    constexpr int threads = 4;
    constexpr int each = 500;
    std::atomic<int> failures = 0;
    {
      std::vector<std::jthread> senders;
      senders.reserve(threads);
      for (int t = 0; t < threads; ++t) {
        senders.emplace_back([&, t] {
          for (int i = 0; i < each; ++i) {
            const auto frame = make_frame(static_cast<frame_kind>(t), std::to_string(i),
                                          pattern(i % 7 == 0 ? 100000 : 100, 1));
            if (!send_patiently(two.a.get(), 22, frame)) ++failures;
          }
        });
      }
      std::vector<int> next(threads, 0);
      int seen = 0;
      REQUIRE(eventually([&] {
        for (const incoming_frame& frame : two.b.take_frames()) {
          CHECK(text_of(frame.header) == std::to_string(next.at(frame.kind)++));
          ++seen;
        }
        return seen == threads * each;
      }));
    }
    CHECK(failures.load() == 0);
  });
}

}  // namespace
}  // namespace troupe::test
