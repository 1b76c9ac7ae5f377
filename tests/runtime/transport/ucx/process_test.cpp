// Peers in processes of their own that are killed, stopped and continued.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "tests/runtime/transport/ucx/child.hpp"
#include "tests/runtime/transport/ucx/ucx_family.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t nonce = 77;

/// One round trip to a child.
bool echo(test_peer& parent, peer_id to, std::size_t payload = 100) {
  const auto bytes = pattern(payload, payload);
  if (!send_patiently(parent.get(), to, make_frame(3, "echo", bytes))) return false;
  if (!parent.wait_frames(1)) return false;
  const auto frames = parent.take_frames();
  return frames.size() == 1 && frames[0].from == to && std::ranges::equal(frames[0].payload, bytes);
}

/// TCP tells at once that a process is gone, shared memory only by its silence.
ucx_settings settings_that_notice(const std::string& transports) {
  ucx_settings settings = patient_settings(transports);
  if (transports != "tcp") settings.keepalive_deadline = 4s;
  return settings;
}
errc gone_code(const std::string& transports) {
  return transports == "tcp" ? errc::unavailable : errc::deadline_exceeded;
}

template <class Body>
void on_each_transport(Body body) {
  for (const std::string& transports : ucx_transports) {
    INFO(transports);
    body(transports);
  }
}

TEST_CASE("frames go to another process and back") {
  on_each_transport([](const std::string& transports) {
    test_peer parent(open_ucx_transport(100, patient_settings(transports)).value());
    parent.start();
    for (const peer_id id : {peer_id{1}, peer_id{200}}) {
      child other(parent, id, nonce, transports);
      REQUIRE(parent.get().connect(other.address()));
      for (const std::size_t size : {0, 1, 1000, 100000, 10 << 20}) CHECK(echo(parent, id, size));
    }
  });
}

TEST_CASE("a killed peer is lost, and the others notice nothing") {
  on_each_transport([](const std::string& transports) {
    test_peer parent(open_ucx_transport(100, settings_that_notice(transports)).value());
    parent.start();
    for (const peer_id id : {peer_id{1}, peer_id{200}}) {
      child stays(parent, 50 + id, nonce, transports);
      REQUIRE(parent.get().connect(stays.address()));
      child dies(parent, id, nonce, transports);
      REQUIRE(parent.get().connect(dies.address()));
      CHECK(echo(parent, id));
      CHECK(echo(parent, 50 + id));
      const std::size_t before = parent.losses().size();
      dies.signal(SIGKILL);
      REQUIRE(parent.wait_losses(before + 1));
      CHECK(parent.losses().back().peer == id);
      CHECK(parent.losses().back().reason.code() == gone_code(transports));
      CHECK(parent.get().send(id, make_frame(1, "late")).error().code() == errc::not_found);
      CHECK(echo(parent, 50 + id, 1 << 20));
      parent.get().disconnect(50 + id);
    }
  });
}

TEST_CASE("a peer that is killed amid large frames is lost, and their memory comes back") {
  on_each_transport([](const std::string& transports) {
    test_peer parent(open_ucx_transport(100, settings_that_notice(transports)).value());
    parent.start();
    child dies(parent, 1, nonce, transports);
    REQUIRE(parent.get().connect(dies.address()));
    CHECK(echo(parent, 1));
    auto owner = std::make_shared<const std::vector<std::byte>>(pattern(4 << 20, 1));
    const std::weak_ptr<const std::vector<std::byte>> watched = owner;
    std::atomic<bool> refused = false;
    {
      std::jthread sender([&] {
        while (true) {
          const auto sent = parent.get().send(1, outgoing_frame{1, {}, {{*owner, owner}}});
          if (!sent && sent.error().code() == errc::not_found) break;
        }
        refused.store(true);
      });
      REQUIRE(parent.wait_frames(5));
      dies.signal(SIGKILL);
    }
    CHECK(refused.load());
    REQUIRE(parent.wait_losses(1));
    (void)parent.take_frames();
    owner.reset();
    CHECK(eventually([&] { return watched.expired(); }));
  });
}

TEST_CASE("a stopped peer is noticed, holds nobody up, and comes back as a new one") {
  on_each_transport([](const std::string& transports) {
    ucx_settings settings = patient_settings(transports);
    settings.keepalive_interval = 100ms;
    settings.keepalive_deadline = 2s;
    test_peer parent(open_ucx_transport(100, settings).value());
    parent.start();
    child runs(parent, 1, nonce, transports);
    REQUIRE(parent.get().connect(runs.address()));
    child stops(parent, 200, nonce, transports);
    REQUIRE(parent.get().connect(stops.address()));
    CHECK(echo(parent, 1));
    CHECK(echo(parent, 200));
    stops.signal(SIGSTOP);
    // As much as it takes, and then some; large ones wait for it, small ones fill what there is.
    for (int i = 0; i < 20000; ++i) {
      (void)parent.get().send(200, make_frame(1, "", pattern(i % 50 == 0 ? 100000 : 10, 1)));
      if (i % 1000 == 0) CHECK(echo(parent, 1, 100000));
    }
    while (parent.losses().empty()) CHECK(echo(parent, 1));
    CHECK(parent.losses()[0].peer == 200);
    CHECK(parent.losses()[0].reason.code() == errc::deadline_exceeded);
    CHECK(echo(parent, 1));
    stops.signal(SIGCONT);
    CHECK(stops.line() == "lost");
    child again(parent, 201, nonce, transports);
    REQUIRE(parent.get().connect(again.address()));
    CHECK(echo(parent, 201, 100000));
    CHECK(parent.losses().size() == 1);
  });
}

TEST_CASE("whoever dials a stopped peer and is gone before it reads that harms nobody") {
  test_peer parent(open_ucx_transport(100, patient_settings("tcp")).value());
  parent.start();
  child stopped(parent, 1, nonce, "tcp");
  REQUIRE(parent.get().connect(stopped.address()));
  CHECK(echo(parent, 1));
  stopped.signal(SIGSTOP);
  for (peer_id id = 200; id < 208; ++id) {
    test_peer guest(open_ucx_transport(id, patient_settings("tcp")).value());
    guest.start();
    REQUIRE(guest.get().connect(stopped.address()));
    REQUIRE(guest.get().send(1, make_frame(1, "is anybody there?", pattern(200000, 1))));
    if (id % 2 == 0) std::this_thread::sleep_for(20ms);  // as far as the peer's system goes
  }
  stopped.signal(SIGCONT);
  for (int i = 0; i < 20; ++i) CHECK(echo(parent, 1, 1000));
  CHECK(parent.losses().empty());
}

TEST_CASE("without keepalive a stopped peer is waited for") {
  on_each_transport([](const std::string& transports) {
    ucx_settings settings = patient_settings(transports);
    settings.keepalive_interval = 0ms;
    settings.keepalive_deadline = 1ms;
    test_peer parent(open_ucx_transport(100, settings).value());
    parent.start();
    child runs(parent, 1, nonce, transports);
    child stops(parent, 2, nonce, transports);
    REQUIRE(parent.get().connect(runs.address()));
    REQUIRE(parent.get().connect(stops.address()));
    CHECK(echo(parent, 2));
    stops.signal(SIGSTOP);
    REQUIRE(parent.get().send(2, make_frame(5, "later", pattern(200000, 5))));
    for (int i = 0; i < 200; ++i) CHECK(echo(parent, 1));
    stops.signal(SIGCONT);
    REQUIRE(parent.wait_frames(1));
    CHECK(text_of(parent.take_frames()[0].header) == "later");
    CHECK(parent.losses().empty());
  });
}

TEST_CASE("a peer of another version is refused with a line that says which versions") {
  for (const peer_id id : {peer_id{1}, peer_id{200}}) {
    test_peer parent(open_ucx_transport(100, patient_settings("tcp")).value());
    parent.start();
    child other(parent, id, nonce, "tcp", 9);
    REQUIRE(parent.get().connect(other.address()));
    REQUIRE(parent.get().send(id, make_frame(1, "x")));
    REQUIRE(parent.wait_losses(1));
    const error reason = parent.losses()[0].reason;
    CHECK(reason.code() == errc::unsupported);
    CHECK(reason.message().find("version 9") != std::string::npos);
    CHECK(reason.message().find("version 1") != std::string::npos);
    CHECK(other.line() == "lost");
    CHECK(parent.frames() == 0);
  }
}

TEST_CASE("a pair speaks the version that it was introduced with, others the newest") {
  test_peer parent(open_ucx_transport(100, patient_settings("tcp")).value());
  parent.start();
  child older(parent, 1, nonce, "tcp", 9);
  child newest(parent, 2, nonce, "tcp");
  peer_address to_older = older.address();
  to_older.protocol = 9;
  REQUIRE(parent.get().connect(to_older));
  REQUIRE(parent.get().connect(newest.address()));
  CHECK(echo(parent, 1));
  CHECK(echo(parent, 2));
  CHECK(parent.losses().empty());
}

}  // namespace
}  // namespace troupe::test
