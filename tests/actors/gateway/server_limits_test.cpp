// What one client, or very many, cannot do to the server.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

TEST_CASE("a body past the limit is 413 before it is read") {
  server_config config = quick_config();
  config.limits.body_bytes = 1U << 20U;
  const server_fixture f(config);
  raw_client announced(f.port());
  announced.send("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
  CHECK(announced.read_reply().status == 413);
  raw_client sent(f.port());
  sent.send("POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, ' ') + "\r\n";
  for (int i = 0; i < 30; ++i) sent.send(chunk);
  CHECK(sent.read_reply().status == 413);
  CHECK(sent.closed_by_server());
}

TEST_CASE("a large body within the limit is read, also behind 100 Continue") {
  const server_fixture f;
  raw_client client(f.port());
  std::string body = completion_body("abc", 2, false);
  body.insert(1, std::string(5U << 20U, ' '));
  client.send(
      fmt::format("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n"
                  "Expect: 100-continue\r\n\r\n",
                  body.size()));
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(body);
  CHECK(client.read_reply().status == 200);
}

TEST_CASE("all bodies together are bounded, and give their share back") {
  server_config config = quick_config();
  config.limits.bodies_bytes = 500'000;
  const server_fixture f(config);
  const std::string padded = std::string(300'000, ' ') + R"({"prompt":"abc"})";
  raw_client client(f.port());
  for (int i = 0; i < 5; ++i) {
    client.send(post("/tokenize", padded));
    CHECK(client.read_reply().status == 200);
  }
  raw_client greedy(f.port());
  greedy.send(post("/tokenize", padded + std::string(300'000, ' ')));
  const auto reply = greedy.read_reply();
  CHECK(reply.status == 503);
  CHECK(reply.has("Retry-After: "));
  CHECK(greedy.closed_by_server());
  client.send(post("/tokenize", padded));
  CHECK(client.read_reply().status == 200);
}

TEST_CASE("a flood of header lines is 431") {
  const server_fixture f;
  raw_client client(f.port());
  client.send("GET /health HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; i < 300; ++i)
    if (!client.send(fmt::format("X-{}: {}\r\n", i, std::string(500, 'x')))) break;
  CHECK(client.read_reply().status == 431);
  CHECK(client.closed_by_server());
}

TEST_CASE("slow headers, slow bodies and idle connections are closed") {
  server_config config = quick_config();
  config.limits.header_timeout = std::chrono::milliseconds(50);
  config.limits.body_timeout = std::chrono::milliseconds(50);
  config.limits.idle_timeout = std::chrono::milliseconds(50);
  const server_fixture f(config);
  for (const std::string& part :
       {std::string(), std::string("GET /hea"), std::string("GET /health HTTP/1.1\r\nHost: a\r\n"),
        std::string("POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"),
        get("/health")}) {
    raw_client client(f.port());
    client.send(part);
    CHECK(client.closed_by_server());
  }
}

TEST_CASE("connections past the limit are told to come back") {
  server_config config = quick_config();
  config.limits.max_connections = 4;
  const server_fixture f(config);
  std::vector<std::unique_ptr<raw_client>> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(std::make_unique<raw_client>(f.port()));
    held.back()->send(get("/health"));
    CHECK(held.back()->read_reply().status == 200);
  }
  {
    raw_client extra(f.port());
    const auto reply = extra.read_reply();
    CHECK(reply.status == 503);
    CHECK(reply.has("Retry-After: "));
    CHECK(extra.closed_by_server());
  }
  held.front()->send(get("/health", "Connection: close\r\n"));
  CHECK(held.front()->read_reply().status == 200);
  held.erase(held.begin());
  // The server may learn of the close after it sees the next client.
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) {
    raw_client next(f.port());
    next.send(get("/health"));
    status = next.read_reply().status;
  }
  CHECK(status == 200);
}

TEST_CASE("a client that reads nothing is cut off and its generation cancelled") {
  server_config config = quick_config();
  config.limits.output_bytes = 64U << 10U;
  config.limits.write_timeout = std::chrono::milliseconds(200);
  server_fixture f(config);
  raw_client client(f.port(), 4096);
  // Many choices make a stream that fills any buffer.
  client.send(
      post("/v1/completions",
           R"({"model":"tiny-llama","prompt":"abc","max_tokens":4000,"stream":true,"n":16})"));
  CHECK(f.service->wait_cancelled(1));
  CHECK(f.log.wait_for("499"));
}

TEST_CASE("a client that pipelines and reads nothing is not read from for ever") {
  server_config config = quick_config();
  config.limits.output_bytes = 64U << 10U;
  config.limits.write_timeout = std::chrono::milliseconds(300);
  const server_fixture f(config);
  raw_client client(f.port(), 4096);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += get("/metrics");
  std::size_t sent = 0;
  std::size_t last = many.size();
  while (last == many.size() && sent < (256U << 20U)) {
    last = client.send_some(many, std::chrono::milliseconds(2000));
    sent += last;
  }
  CHECK(sent < (64U << 20U));
  raw_client other(f.port());
  other.send(get("/health"));
  CHECK(other.read_reply().status == 200);
}
