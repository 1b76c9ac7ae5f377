// Completions through a scripted service that answers with the prompt itself.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <thread>
#include <vector>

#include "actors/gateway/http_client.hpp"
#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

std::string text_of(const raw_client::reply& reply) {
  const boost::json::value body = boost::json::parse(reply.body);
  return std::string(body.at("choices").at(0).at("text").as_string());
}

/// The answer to `prompt` by the service's rule.
std::string expected(const std::string& prompt, std::uint32_t tokens) {
  const auto ids = tiny_model()->tokens->encode(prompt);
  std::vector<token_id> answer;
  for (std::uint32_t i = 0; i < tokens; ++i) answer.push_back(ids[i % ids.size()]);
  return tiny_model()->tokens->decode(answer, true);
}

}  // namespace

TEST_CASE("a completion is answered whole, and the connection goes on") {
  const server_fixture f;
  raw_client client(f.port());
  for (int i = 0; i < 3; ++i) {
    client.send(post("/v1/completions", completion_body("once upon", 12, false)));
    const auto reply = client.read_reply();
    REQUIRE(reply.status == 200);
    CHECK(reply.has("Content-Type: application/json"));
    CHECK(text_of(reply) == expected("once upon", 12));
  }
  CHECK(f.log.wait_for("POST /v1/completions 200"));
}

TEST_CASE("a chat is answered through the model's template") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(
      post("/v1/chat/completions",
           R"({"model":"tiny-llama","messages":[{"role":"user","content":"hi"}],"max_tokens":5})"));
  const auto reply = client.read_reply();
  CAPTURE(reply.body);
  REQUIRE(reply.status == 200);
  const auto body = boost::json::parse(reply.body);
  CHECK(body.at("object").as_string() == "chat.completion");
  CHECK(body.at("usage").at("completion_tokens").as_int64() == 5);
}

TEST_CASE("a stream is chunked, uncached, and followed by the next answer on the connection") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(post("/v1/completions", completion_body("stream me", 20, true)) + get("/health"));
  const std::string head = client.read_until("\r\n\r\n");
  CHECK(head.find("HTTP/1.1 200 OK\r\n") == 0);
  for (const char* line : {"Content-Type: text/event-stream", "Cache-Control: no-cache\r\n",
                           "X-Accel-Buffering: no\r\n", "Transfer-Encoding: chunked\r\n"})
    CHECK(head.find(line) != std::string::npos);
  CHECK(client.read_until("\r\n0\r\n\r\n").find("data: [DONE]\n\n") != std::string::npos);
  CHECK(client.read_reply().body == R"({"status":"ok"})");
}

TEST_CASE("an HTTP/1.0 client gets its stream unchunked, ended by the close") {
  const server_fixture f;
  raw_client client(f.port());
  const std::string body = completion_body("old", 6, true);
  client.send(fmt::format("POST /v1/completions HTTP/1.0\r\nContent-Length: {}\r\n\r\n{}",
                          body.size(), body));
  const std::string all = client.read_to_end();
  CHECK(all.find("chunked") == std::string::npos);
  CHECK(all.ends_with("data: [DONE]\n\n"));
}

TEST_CASE("sixty-four streams at once are each complete and each their own") {
  const server_fixture f;
  const http_endpoint server{"127.0.0.1", f.port(), ""};
  constexpr int clients = 64;
  std::vector<streamed> got(clients);
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&, i] {
      std::vector<std::string> events;
      const auto answer = http_post_sse(server, "/v1/completions",
                                        completion_body(fmt::format("client {} asks", i), 60, true),
                                        {}, [&events](std::string_view data) {
                                          events.emplace_back(data);
                                          return true;
                                        });
      if (answer && answer->status == 200) got[i] = collect(events);
    });
  for (std::thread& t : threads) t.join();
  for (int i = 0; i < clients; ++i)
    CHECK(got[i].text == expected(fmt::format("client {} asks", i), 60));
}

TEST_CASE("a client that hangs up has its generation cancelled, streaming or not") {
  server_fixture f(quick_config(), 3);
  std::size_t cancelled = 0;
  for (const bool stream : {true, false}) {
    for (const bool hard : {true, false}) {
      raw_client client(f.port());
      client.send(post("/v1/completions", completion_body("going", 50, stream)));
      REQUIRE(f.service->wait_submitted(cancelled + 1));
      if (stream) CHECK_FALSE(client.read_until("\r\n\r\n").empty());
      if (hard) {
        client.reset();
      } else {
        client.finish_sending();
      }
      CHECK(f.service->wait_cancelled(++cancelled));
    }
  }
  CHECK(f.log.wait_for("POST /v1/completions 499"));
}

TEST_CASE("a silent stream carries comment lines") {
  server_config config = quick_config();
  config.limits.comment_interval = std::chrono::milliseconds(20);
  server_fixture f(config, 2);
  raw_client client(f.port());
  client.send(post("/v1/completions", completion_body("quiet", 5, true)));
  const std::string comment = ": keep-alive\n\n";
  CHECK(client.read_until(comment).ends_with(comment));
  CHECK(client.read_until(comment).ends_with(comment));
  f.service->release();
  CHECK(client.read_until("[DONE]").ends_with("[DONE]"));
}

TEST_CASE("a full queue is 429 with Retry-After, and a service that stops is 503") {
  server_fixture f;
  raw_client client(f.port());
  f.service->refuse_with(error(errc::exhausted, "1024 requests are waiting"));
  for (const bool stream : {true, false}) {
    client.send(post("/v1/completions", completion_body("a", 5, stream)));
    const auto reply = client.read_reply();
    CHECK(reply.status == 429);
    CHECK(reply.has("Retry-After: "));
    CHECK(reply.body.find("1024 requests are waiting") != std::string::npos);
  }
  f.service->refuse_with(error(errc::unavailable, "shutting down"));
  client.send(post("/v1/completions", completion_body("a", 5, false)));
  CHECK(client.read_reply().status == 503);
  f.service->refuse_with({});
  client.send(post("/v1/completions", completion_body("a", 5, false)));
  CHECK(client.read_reply().status == 200);
}

TEST_CASE("bad bodies are 400 and the connection goes on") {
  const server_fixture f;
  raw_client client(f.port());
  for (const char* bad : {"", "{", "[]", R"({"prompt":"a","temperature":"hot"})", "\xff\xfe"}) {
    client.send(post("/v1/completions", bad));
    CHECK(client.read_reply().status == 400);
    client.send(post("/v1/chat/completions", bad));
    CHECK(client.read_reply().status == 400);
  }
}
