// What a client sees on the wire, apart from completions.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

std::string message_of(const raw_client::reply& reply) {
  const boost::json::value body = boost::json::parse(reply.body);
  return std::string(body.at("error").at("message").as_string());
}

}  // namespace

TEST_CASE("one connection carries many requests, pipelined or not") {
  const server_fixture f;
  raw_client client(f.port());
  for (int i = 0; i < 5; ++i) {
    client.send(get("/health"));
    const auto reply = client.read_reply();
    CHECK(reply.status == 200);
    CHECK(reply.body == R"({"status":"ok"})");
  }
  std::string many;
  for (int i = 0; i < 200; ++i) many += get("/v1/models", fmt::format("X-Request-Id: r{}\r\n", i));
  client.send(many);
  for (int i = 0; i < 200; ++i) {
    const auto reply = client.read_reply();
    REQUIRE(reply.status == 200);
    CHECK(reply.has(fmt::format("x-request-id: r{}\r\n", i)));
  }
  client.send(get("/health", "Connection: close\r\n"));
  const auto last = client.read_reply();
  CHECK(last.has("Connection: close"));
  CHECK(client.closed_by_server());
}

TEST_CASE("requests that come in odd pieces while others are answered all get their answers") {
  const server_fixture f;
  raw_client client(f.port());
  const std::string slow = post("/v1/completions", completion_body("abc", 50, false));
  const std::string quick = get("/nothing");
  const std::string bytes = slow + quick + slow + quick + quick;
  for (std::size_t step = 1; step < 2 * bytes.size(); step = step * 3 / 2 + 1) {
    for (std::size_t at = 0; at < bytes.size(); at += step) client.send(bytes.substr(at, step));
    for (const int status : {200, 404, 200, 404, 404})
      REQUIRE(client.read_reply().status == status);
  }
}

TEST_CASE("HTTP/1.0 works, and HEAD has the length but no body") {
  const server_fixture f;
  raw_client old(f.port());
  old.send("GET /health HTTP/1.0\r\n\r\n");
  CHECK(old.read_reply().body == R"({"status":"ok"})");
  CHECK(old.closed_by_server());

  raw_client kept(f.port());
  kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.read_reply().has("Connection: keep-alive"));
  kept.send("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n" + get("/health"));
  CHECK(kept.read_reply(true).has("Content-Length: 15\r\n"));
  CHECK(kept.read_reply().body == R"({"status":"ok"})");
}

TEST_CASE("models are listed and described; another model is not found") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(get("/v1/models") + get("/v1/models/" + tiny_model()->id) +
              get("/v1/models/no%2Fsuch"));
  const auto list = boost::json::parse(client.read_reply().body);
  CHECK(list.at("data").at(0).at("id").as_string() == tiny_model()->id);
  CHECK(boost::json::parse(client.read_reply().body).at("id").as_string() == tiny_model()->id);
  const auto missing = client.read_reply();
  CHECK(missing.status == 404);
  CHECK(message_of(missing).find("no/such") != std::string::npos);
}

TEST_CASE("unknown paths and wrong methods get OpenAI's error body and keep the connection") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(get("/v2/nothing") + get("/v1/completions") + post("/health", "{}") + get("/health"));
  const auto missing = client.read_reply();
  CHECK(missing.status == 404);
  CHECK(message_of(missing).find("/v2/nothing") != std::string::npos);
  const auto wrong = client.read_reply();
  CHECK(wrong.status == 405);
  CHECK(wrong.has("Allow: POST\r\n"));
  const auto posted = client.read_reply();
  CHECK(posted.status == 405);
  CHECK(posted.has("Allow: GET, HEAD\r\n"));
  CHECK(client.read_reply().status == 200);
}

TEST_CASE("malformed requests are answered 400, closed, and harm nobody else") {
  const server_fixture f;
  raw_client other(f.port());
  for (const char* bad :
       {"\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    raw_client client(f.port());
    client.send(bad);
    const auto reply = client.read_reply();
    CHECK(reply.status == 400);
    CHECK_FALSE(message_of(reply).empty());
    CHECK(client.closed_by_server());
  }
  other.send(get("/health"));
  CHECK(other.read_reply().status == 200);
}

TEST_CASE("every answer has an x-request-id, the client's where it sent one") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(get("/health") + get("/nothing", "x-request-id: my-id\r\n"));
  CHECK(client.read_reply().has("x-request-id: req-"));
  CHECK(client.read_reply().has("x-request-id: my-id\r\n"));
  CHECK(f.log.wait_for("GET /nothing 404"));
}

TEST_CASE("CORS headers are sent only where an origin is configured") {
  const server_fixture closed;
  raw_client stranger(closed.port());
  stranger.send("OPTIONS /v1/completions HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto refused = stranger.read_reply();
  CHECK(refused.status == 405);
  CHECK_FALSE(refused.has("Access-Control"));

  server_config config = quick_config();
  config.allow_origin = "*";
  const server_fixture open(config);
  raw_client client(open.port());
  client.send("OPTIONS /v1/completions HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n");
  const auto preflight = client.read_reply();
  CHECK(preflight.status == 204);
  CHECK(preflight.has("Access-Control-Allow-Origin: *\r\n"));
  CHECK(preflight.has("Access-Control-Allow-Methods: POST, OPTIONS\r\n"));
  client.send(get("/health"));
  CHECK(client.read_reply().has("Access-Control-Allow-Origin: *\r\n"));
}

TEST_CASE("before there is a model the server says that it loads, and then serves") {
  const log_lines log;
  auto server = http_server::start(quick_config(), log.logger());
  REQUIRE(server);
  raw_client client((*server)->port());
  client.send(get("/health") + post("/v1/completions", completion_body("a", 1, false)));
  const auto health = client.read_reply();
  CHECK(health.status == 503);
  CHECK(health.body.find("loading") != std::string::npos);
  const auto refused = client.read_reply();
  CHECK(refused.status == 503);
  CHECK(refused.has("Retry-After: "));

  bool well = true;
  const auto service = std::make_shared<scripted_service>();
  (*server)->set_model({service, tiny_model(), [&well]() -> result<void> {
                          if (well) return {};
                          return fail(errc::unavailable, "actor batcher has died");
                        }});
  client.send(get("/health"));
  CHECK(client.read_reply().status == 200);
  well = false;
  client.send(get("/health"));
  const auto ill = client.read_reply();
  CHECK(ill.status == 503);
  CHECK(ill.body.find("actor batcher has died") != std::string::npos);
}

TEST_CASE("metrics show the engine's load and the requests answered") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(post("/v1/completions", completion_body("abc", 4, false)) + get("/nothing"));
  CHECK(client.read_reply().status == 200);
  CHECK(client.read_reply().status == 404);
  CHECK(f.service->wait_idle());
  client.send(get("/metrics"));
  const auto metrics = client.read_reply();
  CHECK(metrics.has("Content-Type: text/plain; version=0.0.4"));
  for (const std::string line :
       {"troupe_num_requests_running 0", "troupe_kv_cache_usage_perc 0.25",
        "troupe_prompt_tokens_total 12", "troupe_num_requests_waiting 0",
        "troupe_http_requests_total{route=\"other\",status=\"404\"} 1",
        "troupe_http_requests_total{route=\"/v1/completions\",status=\"200\"} 1",
        "troupe_request_success_total{finished_reason=\"length\"} 1",
        "troupe_time_to_first_token_seconds_count 1", "troupe_inter_token_latency_seconds_count 3",
        "troupe_e2e_request_latency_seconds_count 1", "troupe_request_queue_time_seconds_count 1",
        "# HELP troupe_generation_tokens_total"}) {
    CAPTURE(line);
    CHECK(metrics.body.find(line) != std::string::npos);
  }
}

TEST_CASE("text becomes tokens and tokens become text") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(post("/tokenize", R"({"prompt":"hello there"})"));
  const auto made = client.read_reply();
  REQUIRE(made.status == 200);
  const auto body = boost::json::parse(made.body);
  CHECK(body.at("count").as_int64() ==
        static_cast<std::int64_t>(body.at("tokens").as_array().size()));
  CHECK(body.at("max_model_len").as_int64() == tiny_model()->context);
  const boost::json::value back{{"tokens", body.at("tokens")}};
  client.send(post("/detokenize", boost::json::serialize(back)));
  CHECK(boost::json::parse(client.read_reply().body).at("prompt").as_string() == "hello there");
  for (const char* good : {R"({"messages":[{"role":"user","content":"hi"}]})",
                           R"({"messages":[{"role":"user","content":"hi"}],
                               "add_special_tokens":false,"add_generation_prompt":false})"}) {
    client.send(post("/tokenize", good));
    CHECK(client.read_reply().status == 200);
  }
  for (const char* bad :
       {"", "[]", "{", R"({"prompt":1})", R"({"prompt":"a","add_special_tokens":1})"}) {
    client.send(post("/tokenize", bad));
    CHECK(client.read_reply().status == 400);
  }
  for (const char* bad :
       {R"({"tokens":[-1]})", R"({"tokens":[99999999999]})", R"({"tokens":"a"})"}) {
    client.send(post("/detokenize", bad));
    CHECK(client.read_reply().status == 400);
  }
}

TEST_CASE(
    "a client that renders and tokenizes by asking learns the special tokens and the template") {
  const server_fixture f;
  raw_client client(f.port());
  client.send("GET /tokenizer_info HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto made = client.read_reply();
  REQUIRE(made.status == 200);
  const auto body = boost::json::parse(made.body);
  const tokenizer& tokens = *tiny_model()->tokens;
  REQUIRE(tokens.spec().eos);
  CHECK(tokens.find(body.at("eos_token").as_string()) == *tokens.spec().eos);
  CHECK(body.at("pad_token").is_null() == !tokens.spec().padding);
  CHECK(body.at("chat_template").as_string() == tiny_model()->files->chat_template());
  CHECK(body.at("model_max_length").as_int64() == tiny_model()->context);
}

TEST_CASE(
    "IPv6 and localhost are served; a taken port and a foreign host are refused in one line") {
  const log_lines log;
  server_config config = quick_config();
  config.host = "localhost";
  auto first = http_server::start(config, log.logger());
  REQUIRE(first);
  CHECK((*first)->url() == fmt::format("http://localhost:{}", (*first)->port()));
  config.port = (*first)->port();
  const auto second = http_server::start(config, log.logger());
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::address_in_use);
  CHECK(second.error().message().find(std::to_string(config.port)) != std::string::npos);
  for (const char* host : {"nowhere.invalid", "", "192.0.2.1", "1.2.3.4.5"}) {
    config.host = host;
    const auto refused = http_server::start(config, log.logger());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::invalid_argument);
  }
  config = quick_config();
  config.host = "::1";
  const auto six = http_server::start(config, log.logger());
  if (six)
    CHECK((*six)->url().starts_with("http://[::1]:"));
  else
    MESSAGE("this machine has no IPv6: ", six.error().message());
}
