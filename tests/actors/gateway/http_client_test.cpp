#include "actors/gateway/http_client.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <string>
#include <vector>

#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

TEST_CASE("URLs give host, port and prefix; others than http are refused") {
  const auto plain = http_endpoint::parse("http://localhost:8080");
  REQUIRE(plain);
  CHECK(plain->host == "localhost");
  CHECK(plain->port == 8080);
  CHECK(plain->prefix.empty());
  const auto six = http_endpoint::parse("http://[::1]/api/");
  REQUIRE(six);
  CHECK(six->host == "::1");
  CHECK(six->port == 80);
  CHECK(six->prefix == "/api");
  for (const std::string bad : {"", "localhost", "https://a", "ftp://a", "http://", "http://a:0",
                                "http://a:99999", "http://a b"}) {
    CAPTURE(bad);
    CHECK_FALSE(http_endpoint::parse(bad));
  }
}

TEST_CASE("a page is fetched, whatever its status") {
  const server_fixture f;
  const auto good = http_get("127.0.0.1", f.port(), "/health", 5s);
  REQUIRE(good);
  CHECK(good->status == 200);
  CHECK(good->content_type == "application/json");
  CHECK(good->body == R"({"status":"ok"})");
  const auto missing = http_get("localhost", f.port(), "/nothing", 5s);
  REQUIRE(missing);
  CHECK(missing->status == 404);
}

TEST_CASE("where nobody listens, or nobody answers, the client says so in time") {
  std::uint16_t port = 0;
  {
    const server_fixture f;
    port = f.port();
  }
  const auto refused = http_get("127.0.0.1", port, "/health", 5s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::unavailable);

  const server_fixture held(quick_config(), 0);
  sse_options options;
  options.silence_timeout = 50ms;
  const auto silent =
      http_post_sse({"127.0.0.1", held.port(), ""}, "/v1/completions",
                    completion_body("a", 5, false), options, [](std::string_view) { return true; });
  REQUIRE_FALSE(silent);
  CHECK(silent.error().code() == errc::deadline_exceeded);
}

TEST_CASE("a stream's events come as they are sent, and may be stopped from either side") {
  server_fixture f(quick_config(), 3);
  const http_endpoint server{"127.0.0.1", f.port(), ""};
  const std::string body = completion_body("abc", 100, true);
  std::size_t seen = 0;
  const auto enough = http_post_sse(server, "/v1/completions", body, {},
                                    [&](std::string_view) { return ++seen < 2; });
  CHECK(enough);
  CHECK(seen == 2);
  CHECK(f.service->wait_cancelled(1));

  std::atomic<bool> stop = false;
  sse_options options;
  options.stopped = [&stop] { return stop.load(); };
  const auto stopped =
      http_post_sse(server, "/v1/completions", body, options, [&](std::string_view) {
        stop = true;
        return true;
      });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code() == errc::cancelled);
  CHECK(f.service->wait_cancelled(2));
}

TEST_CASE("an answer that is no stream is handed back whole") {
  const server_fixture f;
  const auto refused =
      http_post_sse({"127.0.0.1", f.port(), ""}, "/v1/completions", "{}", {}, [](std::string_view) {
        FAIL("no event was sent");
        return true;
      });
  REQUIRE(refused);
  CHECK(refused->status == 400);
  CHECK(boost::json::parse(refused->body).is_object());
}
