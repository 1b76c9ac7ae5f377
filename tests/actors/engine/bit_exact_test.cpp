#include <doctest/doctest.h>

#include <algorithm>

#include "tests/actors/engine/engine_harness.hpp"

// Contract 1 of the design: a request's tokens and log-probabilities depend on the model, the
// request and its seed, and on nothing else. Everything here compares floats for equality, bit for
// bit.

namespace troupe::test {
namespace {

using contents = std::vector<answer_collector::content>;

/// The answers of `requests`, each alone in an engine of its own with the plainest settings.
contents alone(const std::string& model, const std::vector<generation_request>& requests) {
  engine_config c = tiny_config();
  c.threads = 1;
  c.prefix_cache = false;
  const auto engine = start(model, c);
  contents answers;
  for (const generation_request& r : requests) answers.push_back(run_all(*engine, {r}).front());
  return answers;
}

void check_same(const contents& got, const contents& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i] == expected[i]);
  }
}

TEST_CASE("an answer is the same alone and among fifteen others") {
  for (const std::string model :
       {"tiny-qwen3", "tiny-qwen3-moe", "tiny-llama", "tiny-qwen3-moe-fp8"}) {
    CAPTURE(model);
    const auto requests = varied_requests(16, 700);
    const contents expected = alone(model, requests);
    check_same(run_all(*start(model, tiny_config()), requests), expected);
  }
}

TEST_CASE("an answer is the same however its prompt is cut into chunks") {
  const auto requests = varied_requests(6, 700);
  const contents expected = alone("tiny-qwen3-moe", requests);
  for (const std::uint32_t chunk : {1U, 7U, 64U, 256U}) {
    CAPTURE(chunk);
    engine_config c = tiny_config();
    c.prefill_chunk = chunk;
    check_same(run_all(*start("tiny-qwen3-moe", c), requests), expected);
  }
}

TEST_CASE("an answer is the same for any number of threads, stages and shards") {
  const auto requests = varied_requests(6, 700);
  for (const std::string model : {"tiny-qwen3-moe", "tiny-llama"}) {
    CAPTURE(model);
    const contents expected = alone(model, requests);
    for (std::uint32_t stages = 1; stages <= 4; ++stages) {
      for (const std::uint32_t shards : {1U, 2U, 3U, 8U}) {
        CAPTURE(stages);
        CAPTURE(shards);
        engine_config c = tiny_config();
        c.threads = 1 + (stages + shards) % 2;
        c.stages = stages;
        c.expert_shards = shards;
        check_same(run_all(*start(model, c), requests), expected);
      }
    }
  }
}

TEST_CASE("an answer is the same with a cold and with a cached prefix") {
  for (const std::uint32_t page : {16U, 32U}) {
    const auto requests = varied_requests(6, 700);
    const contents expected = alone("tiny-qwen3", requests);
    engine_config c = tiny_config();
    c.page_size = page;
    const auto engine = start("tiny-qwen3", c);
    check_same(run_all(*engine, requests), expected);
    const auto before = engine->stats().prefix_hits;
    check_same(run_all(*engine, requests), expected);
    CHECK(engine->stats().prefix_hits > before);
  }
}

TEST_CASE("an answer is the same before and after a preemption") {
  // Short prompts with long answers: all are let in, and together they outgrow the pages.
  auto requests = varied_requests(8, 700);
  for (generation_request& r : requests) {
    r.prompt.resize(std::min<std::size_t>(r.prompt.size(), 12));
    r.max_tokens = 120;
  }
  const contents expected = alone("tiny-qwen3-moe", requests);
  engine_config c = tiny_config();
  c.context = 160;
  // Twelve pages of sixteen positions: room for one whole sequence, not for two.
  const std::size_t position = start("tiny-qwen3-moe", c)->description().kv_bytes_per_token;
  c.kv_bytes = position * 16 * 12;
  for (const bool prefix_cache : {true, false}) {
    c.prefix_cache = prefix_cache;
    const auto engine = start("tiny-qwen3-moe", c);
    check_same(run_all(*engine, requests), expected);
    CHECK(engine->stats().preemptions > 0);
  }
}

TEST_CASE("forced tokens are drawn behind their budget and scored as any text is") {
  auto requests = varied_requests(6, 700);
  for (generation_request& r : requests) {
    r.forcing = {-1, 708, 4, {600, 708, 601}};
    r.sampling.repetition_penalty = 1.3F;
    r.sampling.logit_bias = {{708, -100.0F}};
    r.choices = 1;
  }
  const auto engine = start("tiny-qwen3-moe", tiny_config());
  const contents answers = run_all(*engine, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    const auto& events = answers[i].events.at(0);
    generation_request whole = requests[i];
    for (const token_event& e : events) whole.prompt.push_back(e.token);
    whole.max_tokens = 0;
    whole.prompt_logprobs = true;
    const auto scores = run_all(*engine, {whole}).front().scores;
    for (std::size_t k = 0; k < 3; ++k) {
      const token_event& forced = events.at(4 + k);
      CHECK(forced.token == requests[i].forcing.tokens[k]);
      CHECK(forced.logprob == scores.at(requests[i].prompt.size() + 4 + k - 1));
    }
  }
}

}  // namespace
}  // namespace troupe::test
