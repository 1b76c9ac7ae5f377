#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

bool refuses_connections(std::uint16_t port) {
  try {
    raw_client late(port);
    return late.closed_by_server();
  } catch (const std::runtime_error&) {
    return true;
  }
}

/// One that ends lets newcomers wait before they are refused, which is as good.
bool takes_connections(std::uint16_t port) { return raw_client::reaches(port, 100ms); }

}  // namespace

TEST_CASE("stopping lets an answer under way end, closes idle connections, and takes no more") {
  server_fixture f(quick_config(), 3);
  raw_client idle(f.port());
  raw_client busy(f.port());
  busy.send(post("/v1/completions", completion_body("finish me", 10, true)));
  CHECK_FALSE(busy.read_until("data: ").empty());
  const std::uint16_t port = f.port();
  auto stopped = std::async(std::launch::async, [&f] { f.server->stop(10s); });
  CHECK(idle.closed_by_server());
  CHECK(refuses_connections(port));
  f.service->release();
  CHECK(busy.read_until("[DONE]").ends_with("[DONE]"));
  CHECK(stopped.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("when the grace is over a stream ends with an error event, not silently") {
  server_fixture f(quick_config(), 3);
  raw_client streaming(f.port());
  streaming.send(post("/v1/completions", completion_body("never", 10, true)));
  CHECK_FALSE(streaming.read_until("data: ").empty());
  raw_client waiting(f.port());
  waiting.send(post("/v1/completions", completion_body("never", 10, false)));
  REQUIRE(f.service->wait_submitted(2));
  const auto begun = std::chrono::steady_clock::now();
  f.server->stop(50ms);
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  const std::string rest = streaming.read_to_end();
  CHECK(rest.find("\"error\"") != std::string::npos);
  CHECK(rest.find("shutting down") != std::string::npos);
  CHECK(rest.ends_with("0\r\n\r\n"));
  CHECK(waiting.read_reply().status == 503);
  CHECK(f.service->wait_cancelled(2));
}

TEST_CASE("a server may be destroyed at any moment, and its port is free again") {
  for (int round = 0; round < 20; ++round) {
    server_fixture f(quick_config(), round % 2 == 0 ? UINT32_MAX : 2);
    raw_client one(f.port());
    raw_client two(f.port());
    one.send(post("/v1/completions", completion_body("here and gone", 200, true)));
    two.send(post("/v1/completions", completion_body("here and gone", 200, false)));
    if (round % 3 == 0) CHECK_FALSE(one.read_until("\r\n").empty());
    server_config again = quick_config();
    again.port = f.port();
    f.server.reset();
    const auto next = http_server::start(again, f.log.logger());
    CHECK(next.has_value());
  }
}

TEST_CASE("who has connected, or is in the middle of a request, is answered before the end") {
  server_fixture f;
  raw_client silent(f.port());
  raw_client halfway(f.port());
  const std::string request = get("/health");
  CHECK(halfway.send(request.substr(0, 10)));
  const std::uint16_t port = f.port();
  auto stopped = std::async(std::launch::async, [&f] { f.server->stop(10s); });
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (takes_connections(port)) REQUIRE(std::chrono::steady_clock::now() < deadline);
  CHECK(silent.send(request));
  CHECK(halfway.send(request.substr(10)));
  for (raw_client* client : {&silent, &halfway}) {
    const auto reply = client->read_reply();
    CHECK(reply.status == 200);
    CHECK(reply.has("Connection: close"));
  }
  CHECK(stopped.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("whoever gets in while it stops is answered, and nobody is cut off") {
  for (int round = 0; round < 5; ++round) {
    server_fixture f;
    std::atomic<int> answered{0};
    std::atomic<int> cut_off{0};
    const auto ask_until_refused = [&, port = f.port()] {
      while (raw_client::reaches(port, 5s)) {
        try {
          raw_client client(port);
          const bool whole = client.send(get("/health")) && client.read_reply().status == 200;
          ++(whole ? answered : cut_off);
        } catch (const std::runtime_error&) {  // refused since
        }
      }
    };
    std::vector<std::future<void>> clients(4);
    for (auto& one : clients) one = std::async(std::launch::async, ask_until_refused);
    while (answered < 20) std::this_thread::yield();
    f.server->stop(10s);
    for (auto& one : clients) one.get();
    CHECK(cut_off == 0);
  }
}

TEST_CASE("after notice all is served, health says so, and connections end with their answer") {
  server_fixture f;
  raw_client before(f.port());
  CHECK(before.send(get("/health")));
  CHECK(before.read_reply().status == 200);
  f.server->give_notice();
  CHECK(before.send(get("/health")));
  const auto health = before.read_reply();
  CHECK(health.status == 503);
  CHECK(health.body.find("about to stop") != std::string::npos);
  CHECK(before.closed_by_server());
  raw_client after(f.port());
  CHECK(after.send(post("/v1/completions", completion_body("still", 3, false))));
  const auto reply = after.read_reply();
  CHECK(reply.status == 200);
  CHECK(reply.has("Connection: close"));
}

TEST_CASE("where the settings say so, nobody gets in before it listens") {
  server_config config = quick_config();
  config.listens_at_once = false;
  server_fixture f(config);
  CHECK(refuses_connections(f.port()));
  // Whoever takes the port meanwhile keeps it.
  server_config other = quick_config();
  other.port = f.port();
  other.listens_at_once = false;
  const auto second = http_server::start(other, f.log.logger());
  REQUIRE(f.server->listen());
  REQUIRE(f.server->listen());
  raw_client client(f.port());
  CHECK(client.send(get("/health")));
  CHECK(client.read_reply().status == 200);
  if (second) CHECK((*second)->listen().error().code() == errc::address_in_use);
}
