#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

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
