#include <doctest/doctest.h>

#include <thread>

#include "tests/actors/engine/engine_harness.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

generation_request long_request(std::uint32_t tokens) {
  generation_request r;
  r.prompt = {1, 2, 3, 4, 5};
  r.max_tokens = tokens;
  r.sampling.temperature = 0;
  return r;
}

/// Polls until `holds`; false when it does not within the deadline.
template <class Condition>
bool eventually(Condition holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST_CASE("a cancelled request stops and gives its pages back") {
  const auto engine = start("tiny-qwen3", tiny_config());
  const auto listener = std::make_shared<answer_collector>();
  const auto id = engine->submit(long_request(400), listener);
  REQUIRE(id);
  REQUIRE(listener->wait_tokens(3));
  engine->cancel(*id);
  CHECK(eventually(
      [&] { return engine->stats().requests_running == 0 && engine->stats().kv_usage == 0; }));
  CHECK_FALSE(listener->summary().has_value());
  engine->cancel(*id);
  engine->cancel(987654);
}

TEST_CASE("destroying the runtime ends open requests with an error and returns") {
  const auto listener = std::make_shared<answer_collector>();
  {
    const auto engine = start("tiny-qwen3-moe", tiny_config());
    REQUIRE(engine->submit(long_request(400), listener));
    REQUIRE(listener->wait_tokens(1));
  }
  REQUIRE(listener->failure().has_value());
  CHECK(listener->failure()->code() == errc::unavailable);
}

TEST_CASE("requests that cannot run are refused at once, with the numbers") {
  const auto engine = start("tiny-qwen3", tiny_config());
  auto too_long = long_request(600);
  const auto refused = engine->submit(too_long, std::make_shared<answer_collector>());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::out_of_range);
  CHECK(refused.error().message() ==
        "5 prompt tokens and 600 to draw are more than the context of 512 tokens");
  generation_request empty;
  empty.max_tokens = 1;
  const auto listener = std::make_shared<answer_collector>();
  REQUIRE(engine->submit(empty, listener));
  REQUIRE(listener->wait());
  CHECK(listener->failure()->code() == errc::invalid_argument);
}

TEST_CASE("a full queue refuses and recovers") {
  engine_config c = tiny_config();
  c.max_sequences = 1;
  c.max_waiting = 2;
  const auto engine = start("tiny-qwen3", c);
  std::vector<std::shared_ptr<answer_collector>> accepted;
  bool refused = false;
  for (int i = 0; i < 10; ++i) {
    const auto listener = std::make_shared<answer_collector>();
    const auto id = engine->submit(long_request(200), listener);
    if (id) {
      accepted.push_back(listener);
    } else {
      refused = true;
      CHECK(id.error().code() == errc::exhausted);
    }
  }
  CHECK(refused);
  for (const auto& a : accepted) REQUIRE(a->wait());
  const auto later = std::make_shared<answer_collector>();
  REQUIRE(engine->submit(long_request(3), later));
  REQUIRE(later->wait());
  CHECK(later->summary().has_value());
}

TEST_CASE("a score of the prompt alone gives no token and ends") {
  const auto engine = start("tiny-llama", tiny_config());
  generation_request r = long_request(0);
  r.prompt_logprobs = true;
  const auto listener = std::make_shared<answer_collector>();
  REQUIRE(engine->submit(r, listener));
  REQUIRE(listener->wait());
  CHECK(listener->take().scores.size() == 4);
  CHECK(listener->take().events.at(0).front().token == -1);
  CHECK(listener->summary()->completion_tokens == 0);
}

TEST_CASE("starting reports its progress, and a model that does not fit says the arithmetic") {
  std::vector<std::string> stages;
  const auto model = reference() / "models" / "tiny-qwen3";
  REQUIRE(embedded_runtime::start(model, tiny_config(), [&](std::string_view stage, double done) {
    CHECK(done >= 0);
    CHECK(done <= 1);
    if (stages.empty() || stages.back() != stage) stages.emplace_back(stage);
  }));
  CHECK(stages.front() == "reading model");
  CHECK(stages.back() == "ready");
  engine_config c = tiny_config();
  c.kv_bytes = std::size_t{1} << 50U;
  const auto refused = embedded_runtime::start(model, c);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::out_of_memory);
  CHECK(embedded_runtime::start(reference() / "nothing", tiny_config()).error().code() ==
        errc::not_found);
}

}  // namespace
}  // namespace troupe::test
