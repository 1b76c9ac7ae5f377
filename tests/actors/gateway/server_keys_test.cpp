// Who is let in, and how far.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "runtime/keys/key_store.hpp"
#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"
#include "tests/support/paths.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// A server with a file of keys.
class guarded {
 public:
  explicit guarded(const key_request& wanted, std::uint32_t hold_at = UINT32_MAX)
      : path_(folder_.path() / "keys.db"), name_(wanted.name) {
    auto opened = store();
    auto key = opened.create(wanted, 1);
    REQUIRE(key);
    secret_ = key->text();
    server_config config = quick_config();
    config.keys = path_.string();
    fixture_.emplace(config, hold_at);
    client_.emplace(fixture_->port());
  }

  [[nodiscard]] key_store store() const {
    auto opened = key_store::open(path_, key_store::missing_file::create);
    REQUIRE(opened);
    return std::move(*opened);
  }
  [[nodiscard]] std::string bearer() const { return "Authorization: Bearer " + secret_ + "\r\n"; }
  [[nodiscard]] const std::string& secret() const { return secret_; }
  [[nodiscard]] server_fixture& server() { return *fixture_; }
  [[nodiscard]] std::uint64_t spent() const { return store().find(name_)->spent_tokens; }

  raw_client::reply ask(const std::string& request) {
    client_->send(request);
    return client_->read_reply();
  }
  raw_client::reply complete(std::uint32_t tokens = 2) {
    return ask(post("/v1/completions", completion_body("abc", tokens, false), bearer()));
  }

 private:
  temporary_directory folder_;
  std::filesystem::path path_;
  std::string name_;
  std::string secret_;
  std::optional<server_fixture> fixture_;
  std::optional<raw_client> client_;
};

key_request alice() {
  key_request r;
  r.name = "alice";
  return r;
}

std::string code_of(const raw_client::reply& reply) {
  return std::string(boost::json::parse(reply.body).at("error").at("code").as_string());
}

/// False when it has not become true within ten seconds.
template <class Condition>
bool becomes(const Condition& wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!wanted()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a key lets in, as a bearer token or as x-api-key; none and others do not") {
  guarded g(alice());
  CHECK(g.complete().status == 200);
  CHECK(g.ask(get("/v1/models", "x-api-key: " + g.secret() + "\r\n")).status == 200);
  CHECK(g.ask(get("/v1/models", "authorization: bEARER  " + g.secret() + "\r\n")).status == 200);
  for (const std::string& wrong :
       {std::string(), std::string("Authorization: Bearer none\r\n"),
        "Authorization: Basic " + g.secret() + "\r\n", "x-api-key: " + g.secret() + "0\r\n"}) {
    const auto reply = g.ask(get("/v1/models", wrong));
    CHECK(reply.status == 401);
    CHECK(reply.has("WWW-Authenticate: Bearer"));
    CHECK(code_of(reply) == "invalid_api_key");
  }
  CHECK(g.server().log.wait_for("for alice"));
}

TEST_CASE("health needs no key; metrics and the cluster need one that says so") {
  guarded g(alice());
  CHECK(g.ask(get("/health")).status == 200);
  for (const char* path : {"/metrics", "/cluster"}) {
    CHECK(g.ask(get(path)).status == 401);
    CHECK(g.ask(get(path, g.bearer())).status == 403);
  }
  key_request admin = alice();
  admin.scope.endpoints = {"admin"};
  guarded a(admin);
  CHECK(a.ask(get("/metrics", a.bearer())).status == 200);
  CHECK(a.complete().status == 403);
}

TEST_CASE("a stranger's body is not waited for") {
  guarded g(alice());
  raw_client client(g.server().port());
  client.send("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{");
  CHECK(client.read_reply().status == 401);
  CHECK(client.closed_by_server());
}

TEST_CASE("a key for another model is 403") {
  key_request other = alice();
  other.scope.models = {"another"};
  guarded g(other);
  const auto reply = g.complete();
  CHECK(reply.status == 403);
  CHECK(code_of(reply) == "permission_denied");
  CHECK(g.ask(get("/v1/models", g.bearer())).status == 200);
}

TEST_CASE("DashScope's endpoint refuses in DashScope's words") {
  guarded g(alice());
  const auto reply = g.ask(post("/api/v1/services/aigc/text-generation/generation", "{}"));
  CHECK(reply.status == 401);
  CHECK(boost::json::parse(reply.body).at("code").as_string() == "InvalidApiKey");
}

TEST_CASE("DashScope's clients are told which limit it was, and when to come back") {
  key_request limited = alice();
  limited.limits.tokens_per_minute = 600;
  limited.limits.requests_per_minute = 600;
  guarded g(limited);
  const std::string request =
      post("/api/v1/services/aigc/text-generation/generation",
           R"({"model":"tiny-llama","input":{"prompt":"abc"},"parameters":{"max_tokens":100}})",
           g.bearer());
  raw_client::reply last;
  for (int i = 0; i < 10 && last.status != 429; ++i) last = g.ask(request);
  CHECK(last.status == 429);
  CHECK(last.has("Retry-After: "));
  CHECK(last.has("x-ratelimit-limit-tokens: 600\r\n"));
  const auto code = boost::json::parse(last.body).at("code").as_string();
  CHECK(code == "Throttling.BurstRate");
}

TEST_CASE("a revoked key is refused soon, without a restart") {
  guarded g(alice());
  CHECK(g.complete().status == 200);
  REQUIRE(g.store().revoke("alice", 2));
  CHECK(becomes([&] { return g.complete().status == 401; }));
}

TEST_CASE("requests a minute: the headers count down, then 429 says when to come back") {
  key_request limited = alice();
  limited.limits.requests_per_minute = 120;
  guarded g(limited);
  const auto first = g.complete();
  CHECK(first.status == 200);
  CHECK(first.has("x-ratelimit-limit-requests: 120\r\n"));
  CHECK(first.has("x-ratelimit-remaining-requests: 119\r\n"));
  CHECK(first.has("x-ratelimit-reset-requests: "));
  CHECK_FALSE(first.has("x-ratelimit-limit-tokens"));
  raw_client::reply last = first;
  for (int i = 0; i < 100 && last.status == 200; ++i) last = g.complete();
  CHECK(last.status == 429);
  CHECK(code_of(last) == "burst_rate_exceeded");
  CHECK(last.has("Retry-After: 1\r\n"));
  CHECK(last.has("x-ratelimit-limit-requests: 120\r\n"));
}

TEST_CASE("tokens a minute: a stream carries the headers, and what was not used comes back") {
  key_request limited = alice();
  limited.limits.tokens_per_minute = 6'000;
  guarded g(limited, 3);
  const auto prompt = tiny_model()->tokens->encode("abc").size();
  raw_client streaming(g.server().port());
  streaming.send(post("/v1/completions", completion_body("abc", 1'000, true), g.bearer()));
  const std::string head = streaming.read_until("\r\n\r\n");
  CHECK(head.find(fmt::format("x-ratelimit-remaining-tokens: {}\r\n", 6'000 - 1'000 - prompt)) !=
        std::string::npos);
  const auto refused = g.complete(1'000);
  CHECK(refused.status == 429);
  CHECK(boost::json::parse(refused.body).at("error").at("type").as_string() == "tokens");
  CHECK(refused.has("Retry-After: "));
  // The client leaves after three tokens at most: only they and the prompt are spent.
  (void)streaming.read_until("data: ");
  streaming.reset();
  CHECK(g.server().service->wait_cancelled(1));
  g.server().service->release();
  CHECK(becomes([&] { return g.spent() > prompt; }));
  CHECK(g.spent() <= prompt + 3);
  CHECK(g.complete(90).status == 200);
}

TEST_CASE("a request that can never pass is 400, and a budget that is used up is 429") {
  key_request limited = alice();
  limited.limits.tokens_per_minute = 600;
  limited.limits.token_budget = 500;
  guarded g(limited);
  CHECK(g.complete(700).status == 429);
  REQUIRE(g.store().set_limits("alice", {std::nullopt, 600, std::nullopt}));
  CHECK(becomes([&] { return g.complete(700).status == 400; }));
  REQUIRE(g.store().set_limits("alice", {std::nullopt, std::nullopt, 20}));
  CHECK(becomes([&] {
    const auto reply = g.complete(1);
    return reply.status == 429 && code_of(reply) == "insufficient_quota";
  }));
}

TEST_CASE("a request that the engine refuses costs no tokens") {
  key_request limited = alice();
  limited.limits.tokens_per_minute = 600;
  guarded g(limited);
  g.server().service->refuse_with(error(errc::exhausted, "full"));
  CHECK(g.complete(500).status == 429);
  g.server().service->refuse_with(std::nullopt);
  // Were they not given back, as many would take most of a minute to come.
  CHECK(becomes([&] { return g.complete(500).status == 200; }));
}

TEST_CASE("without keys only this machine is served, unless the settings say otherwise") {
  server_config config = quick_config();
  for (const char* everyone : {"0.0.0.0", "::"}) {
    config.host = everyone;
    config.let_anyone_in = false;
    const log_lines log;
    const auto refused = http_server::start(config, log.logger());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("--without-keys let-anyone-in") != std::string::npos);
  }
  config.host = "0.0.0.0";
  config.let_anyone_in = true;
  const log_lines log;
  CHECK(http_server::start(config, log.logger()));
  config.keys = "/nonexistent/keys.db";
  CHECK(http_server::start(config, log.logger()).error().code() == errc::not_found);
}
