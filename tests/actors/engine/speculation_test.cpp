#include <doctest/doctest.h>

#include <algorithm>

#include "actors/engine/draft_model.hpp"
#include "tests/actors/engine/engine_harness.hpp"
#include "tests/support/paths.hpp"

// Guessed tokens change how many steps an answer takes, and nothing of the answer: tokens,
// log-probabilities and alternatives are compared bit for bit with an engine that guesses none.

namespace troupe::test {
namespace {

using contents = std::vector<answer_collector::content>;

contents without_guesses(const std::string& model,
                         const std::vector<generation_request>& requests) {
  engine_config c = tiny_config();
  c.prefix_cache = false;
  return run_all(*start(model, c), requests);
}

void check_same(const contents& got, const contents& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i] == expected[i]);
  }
}

engine_config looking_up() {
  engine_config c = tiny_config();
  c.speculation.mode = speculation_mode::ngram;
  return c;
}

/// Requests of every kind whose prompts repeat themselves, and whose answers are long enough to
/// repeat themselves too.
std::vector<generation_request> repetitive_requests(std::size_t count) {
  auto requests = varied_requests(count, 700);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    generation_request& r = requests[i];
    const std::vector<token_id> once = r.prompt;
    r.prompt.insert(r.prompt.end(), once.begin(), once.end());
    r.max_tokens = 60;
    // Draws that are nearly greedy repeat themselves, with penalties too.
    if (i % 2 == 1) r.sampling.temperature = 0.3F;
    if (i % 4 == 3) r.sampling.frequency_penalty = 0.4F;
    if (i % 5 == 2) r.sampling.logit_bias = {{5, 4.0F}, {9, 4.0F}};
    if (i % 3 == 1) r.min_tokens = 20;
    if (i % 3 == 1) r.stop_tokens = {5, 9, 100, 200};
  }
  return requests;
}

TEST_CASE("an answer is the same with prompt look-up and without, on every kind of model") {
  for (const std::string model :
       {"tiny-qwen3", "tiny-qwen3-moe", "tiny-llama", "tiny-qwen3-moe-fp8", "tiny-qwen3-yarn"}) {
    CAPTURE(model);
    const auto requests = repetitive_requests(12);
    const auto engine = start(model, looking_up());
    check_same(run_all(*engine, requests), without_guesses(model, requests));
    // Whether guessing pays is decided from step times, so a busy machine may guess nothing; the
    // batching tests check it in simulated time.
    WARN(engine->stats().drafted_tokens > 0);
    CHECK(engine->stats().accepted_tokens <= engine->stats().drafted_tokens);
  }
}

TEST_CASE("greedy answers that repeat themselves take fewer steps with prompt look-up") {
  auto requests = repetitive_requests(1);
  requests[0].sampling = {};
  requests[0].sampling.temperature = 0;
  requests[0].max_tokens = 300;
  const auto plain = start("tiny-qwen3", tiny_config());
  const auto guessing = start("tiny-qwen3", looking_up());
  check_same(run_all(*guessing, requests), run_all(*plain, requests));
  WARN(guessing->stats().accepted_tokens > 0);
  CHECK(guessing->stats().steps < plain->stats().steps);
  CHECK(guessing->stats().generation_tokens == 300);
}

TEST_CASE("guesses change no answer whatever the chunks, pages, stages, shards and the cache") {
  const auto requests = repetitive_requests(8);
  for (const std::string model : {"tiny-qwen3-moe", "tiny-llama"}) {
    CAPTURE(model);
    const contents expected = without_guesses(model, requests);
    for (std::uint32_t stages = 1; stages <= 4; ++stages) {
      CAPTURE(stages);
      engine_config c = looking_up();
      c.stages = stages;
      c.expert_shards = 1 + stages % 3;
      c.threads = 1 + stages % 2;
      c.prefill_chunk = stages == 2 ? 7 : 64;
      c.page_size = stages == 3 ? 32 : 16;
      c.speculation.max_draft = stages * 3;
      const auto engine = start(model, c);
      check_same(run_all(*engine, requests), expected);
      check_same(run_all(*engine, requests), expected);  // prompts, and answers, from the cache
      WARN(engine->stats().drafted_tokens > 0);
    }
  }
}

TEST_CASE("guesses change no answer when pages run out") {
  auto requests = repetitive_requests(8);
  for (generation_request& r : requests) {
    r.prompt.resize(std::min<std::size_t>(r.prompt.size(), 12));
    r.max_tokens = 120;
    r.stop_tokens.clear();
  }
  const contents expected = without_guesses("tiny-qwen3", requests);
  engine_config c = looking_up();
  c.context = 160;
  const std::size_t position = start("tiny-qwen3", c)->description().kv_bytes_per_token;
  c.kv_bytes = position * 16 * 12;
  const auto engine = start("tiny-qwen3", c);
  check_same(run_all(*engine, requests), expected);
  CHECK(engine->stats().preemptions > 0);
}

engine_config drafting(const std::string& draft_model) {
  engine_config c = tiny_config();
  c.speculation.mode = speculation_mode::model;
  c.speculation.draft_model = reference() / "models" / draft_model;
  return c;
}

TEST_CASE("a model that drafts for itself guesses nearly all, and no answer changes") {
  const auto requests = repetitive_requests(8);
  for (const std::string model : {"tiny-qwen3", "tiny-qwen3-moe", "tiny-llama"}) {
    CAPTURE(model);
    const auto engine = start(model, drafting(model));
    check_same(run_all(*engine, requests), without_guesses(model, requests));
    WARN(engine->stats().drafted_tokens > 0);
  }
  auto greedy = repetitive_requests(4);
  for (generation_request& r : greedy) {
    r.sampling = {};
    r.sampling.temperature = 0;
    r.stop_tokens.clear();
    r.min_tokens = 0;
    r.choices = 1;
    r.max_tokens = 100;
  }
  const auto engine = start("tiny-llama", drafting("tiny-llama"));
  check_same(run_all(*engine, greedy), without_guesses("tiny-llama", greedy));
  const engine_stats stats = engine->stats();
  WARN(stats.accepted_tokens > 0);
  // Some of each answer's come too late to be right; where the machine has little time to guess,
  // those are not few among all.
  const std::uint64_t wrong = stats.drafted_tokens - stats.accepted_tokens;
  CHECK(wrong <= std::max<std::uint64_t>(stats.drafted_tokens / 10, 4 * greedy.size()));
}

TEST_CASE("a model whose guesses are as good as random changes no answer") {
  const auto requests = repetitive_requests(8);
  for (const std::uint32_t stages : {1U, 3U}) {
    engine_config c = drafting("tiny-llama");
    c.stages = stages;
    c.expert_shards = 2;
    c.prefill_chunk = 40;
    const auto engine = start("tiny-qwen3-moe", c);
    const contents expected = without_guesses("tiny-qwen3-moe", requests);
    check_same(run_all(*engine, requests), expected);
    check_same(run_all(*engine, requests), expected);
    WARN(engine->stats().drafted_tokens > 0);
  }
}

TEST_CASE("requests are cancelled and an engine ends while guesses are asked for") {
  const auto engine = start("tiny-qwen3", drafting("tiny-qwen3"));
  for (int round = 0; round < 5; ++round) {
    const auto listener = std::make_shared<answer_collector>();
    generation_request r;
    r.prompt = {1, 2, 3};
    r.max_tokens = 400;
    const auto id = engine->submit(r, listener);
    REQUIRE(id);
    REQUIRE(listener->wait_tokens(3));
    if (round < 4) engine->cancel(*id);
  }
}

TEST_CASE("a draft model must be named for its mode only, and share the vocabulary") {
  const auto model = reference() / "models" / "tiny-qwen3";
  engine_config c = drafting("tiny-qwen3");
  c.speculation.mode = speculation_mode::ngram;
  const auto unused = embedded_runtime::start(model, c);
  REQUIRE_FALSE(unused);
  CHECK(unused.error().code() == errc::invalid_argument);
  c.speculation.mode = speculation_mode::model;
  c.speculation.draft_model.clear();
  const auto unnamed = embedded_runtime::start(model, c);
  REQUIRE_FALSE(unnamed);
  CHECK(unnamed.error().message().find("--draft-model") != std::string::npos);
  CHECK(embedded_runtime::start(model, drafting("nothing")).error().code() == errc::not_found);
  tokenizer_spec served;
  served.tokens = {"a", "b", "c"};
  tokenizer_spec draft = served;
  CHECK(check_vocabulary(served, draft));
  draft.tokens[1] = "x";
  const auto other = check_vocabulary(served, draft);
  REQUIRE_FALSE(other);
  CHECK(other.error().message().find("token 1 is 'x', not 'b'") != std::string::npos);
  draft.tokens.emplace_back("d");
  CHECK(check_vocabulary(served, draft).error().message().find("4 tokens, not 3") !=
        std::string::npos);
}

TEST_CASE("a draft model gets pages for every sequence, or the engine says that they do not fit") {
  model_config draft;
  draft.layers = 2;
  draft.kv_heads = 1;
  draft.head_dim = 64;
  draft.context = 100;
  memory_plan served;
  served.kv_pages = 50;
  served.context = 400;
  const std::size_t page = 2 * 2 * 64 * 16 * 2;  // layers, k and v, head_dim, positions, f16
  const auto plan = plan_draft_memory(draft, {}, served, 1000, 1000 + 50 * page);
  REQUIRE(plan);
  CHECK(plan->kv_pages == 50);
  CHECK(plan->context == 100);
  const auto tight = plan_draft_memory(draft, {}, served, 1001, 1000 + 50 * page);
  REQUIRE_FALSE(tight);
  CHECK(tight.error().code() == errc::out_of_memory);
}

TEST_CASE("a request can do without guesses") {
  auto requests = repetitive_requests(2);
  for (generation_request& r : requests) r.speculate = false;
  const auto engine = start("tiny-qwen3", looking_up());
  (void)run_all(*engine, requests);
  CHECK(engine->stats().drafted_tokens == 0);
}

}  // namespace
}  // namespace troupe::test
