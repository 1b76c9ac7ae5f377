#include "actors/gateway/http_reader.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/actors/gateway/read_requests.hpp"

using namespace troupe;
using namespace troupe::gateway;
using state = http_reader::state;

namespace {

unsigned refusal_of(const std::string& bytes, const http_limits& limits = {}) {
  unsigned status = 0;
  for (const std::size_t step : {1UL, 37UL, 1UL << 20UL}) {
    if (step == 1 && bytes.size() > 20'000) continue;
    http_reader reader(limits);
    CHECK(read_all(reader, bytes, step).empty());
    REQUIRE(reader.now() == state::refused);
    CHECK_FALSE(reader.refusal().message.empty());
    status = reader.refusal().status;
  }
  return status;
}

const std::string start = "POST /v1/completions HTTP/1.1\r\nHost: a\r\n";

}  // namespace

TEST_CASE("pipelined requests come out one by one however the bytes are cut") {
  const std::string bytes =
      "GET /health?x HTTP/1.1\r\nHost: a\r\nX-Request-Id: first\r\n\r\n" + start +
      "Content-Length: 5\r\n\r\nhello\r\n" + start +
      "Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n" +
      "HEAD /health HTTP/1.0\r\n\r\n";
  for (const std::size_t step : {1U, 2U, 5U, 64U, 100'000U}) {
    const http_limits limits;
    http_reader reader(limits);
    const auto all = read_all(reader, bytes, step);
    REQUIRE(all.size() == 4);
    CHECK(all[0].method == "GET");
    CHECK(all[0].path == "/health");
    CHECK(all[0].id == "first");
    CHECK(all[0].keep_alive);
    CHECK(all[1].body == "hello");
    CHECK(all[2].body == "abcdefg");
    CHECK(all[3].head());
    CHECK(all[3].http_1_0);
    CHECK_FALSE(all[3].keep_alive);
  }
}

TEST_CASE("what is not HTTP/1.x, or could be read in two ways, is refused") {
  CHECK(refusal_of("\x16\x03\x01\x02garbage\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health HTTP/2.0\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health HTTP/1.1\nHost: a\n\n\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health HTTP/1.1\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
  CHECK(refusal_of("GET /health HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n") == 400);
  CHECK(refusal_of("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(refusal_of(start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n") == 400);
  CHECK(refusal_of(start + "Content-Length: -1\r\n\r\n") == 400);
  CHECK(refusal_of(start + "Content-Length: 99999999999999999999\r\n\r\n") == 400);
  CHECK(refusal_of(start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(refusal_of(start + "Transfer-Encoding: gzip\r\n\r\n") == 501);
  CHECK(refusal_of(start + "Transfer-Encoding: gzip, chunked\r\n\r\n") == 501);
  CHECK(refusal_of(start + "Transfer-Encoding: chunked\r\n\r\nzz\r\n") == 400);
  CHECK(refusal_of(start + "Expect: a miracle\r\n\r\n") == 417);
}

TEST_CASE("headers and bodies past their limits are refused, however slowly they come") {
  std::string flood = start;
  while (flood.size() < 80'000) flood += fmt::format("X-{}: {}\r\n", flood.size(), "y");
  CHECK(refusal_of(flood) == 431);
  CHECK(refusal_of(start + "X: " + std::string(70'000, 'y')) == 431);
  CHECK(refusal_of(start + "X: " + std::string(9'000, 'y') + "\r\n\r\n") == 431);
  CHECK(refusal_of("GET /" + std::string(9'000, 'y') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  CHECK(refusal_of(std::string(70'000, 'G')) == 431);
  http_limits limits;
  limits.body_bytes = 100;
  CHECK(refusal_of(start + "Content-Length: 101\r\n\r\n", limits) == 413);
  CHECK(refusal_of(start + "Transfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'x') +
                       "\r\n40\r\n",
                   limits) == 413);
  CHECK(refusal_of(start + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", limits) ==
        413);
}

TEST_CASE("a client that waits for 100 Continue is told once, but not for a path without a use") {
  const http_limits limits;
  http_reader reader(limits);
  const std::string header = start + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  CHECK(reader.feed(header) == header.size());
  CHECK(reader.now() == state::body);
  CHECK(reader.take_continue());
  CHECK_FALSE(reader.take_continue());
  CHECK(reader.feed("{}") == 2);
  CHECK(reader.take().body == "{}");
  CHECK(refusal_of("POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 2\r\n\r\n") == 404);
}
