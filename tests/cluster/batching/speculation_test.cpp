#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "cluster/batching/speculation/ngram_source.hpp"
#include "tests/cluster/batching/test_drafts.hpp"

namespace troupe::test {
namespace {

batch_limits small() {
  batch_limits l;
  l.step_rows = 64;
  l.prefill_chunk = 8;
  l.max_sequences = 4;
  l.max_waiting = 16;
  l.page_size = 4;
  l.pages = 64;
  l.context = 128;
  return l;
}

generation_request ask(std::size_t prompt, std::uint32_t tokens, token_id from = 0) {
  generation_request r;
  r.prompt.resize(prompt);
  std::iota(r.prompt.begin(), r.prompt.end(), from);
  r.max_tokens = tokens;
  return r;
}

std::size_t steps_without_guesses(const generation_request& r) {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, r));
  engine.run();
  return engine.steps;
}

TEST_CASE("right guesses draw many tokens in a step, and the answer stays the same") {
  const auto r = ask(5, 60);
  simulated_engine engine(small(), 2, std::make_unique<oracle_drafts>());
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(engine.answers.at(1).ends.at(0) == finish_reason::length);
  CHECK(engine.answers.at(1).summary->completion_tokens == 60);
  CHECK(engine.steps * 4 < steps_without_guesses(r));
  const auto counts = engine.scheduler.speculation();
  CHECK(counts.drafted == counts.accepted);
  CHECK(counts.accepted > 40);
}

TEST_CASE("of a guess that is partly right the right part counts") {
  const auto r = ask(5, 60);
  simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>(3));
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(engine.steps < steps_without_guesses(r));
  const auto counts = engine.scheduler.speculation();
  CHECK(counts.accepted > 0);
  CHECK(counts.accepted < counts.drafted);
}

TEST_CASE("wrong guesses change nothing and are soon given up") {
  const auto r = ask(5, 100);
  simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>(1));
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(engine.scheduler.speculation().accepted == 0);
  CHECK(engine.steps == steps_without_guesses(r));
}

TEST_CASE("a stop token inside a guess ends the answer there; min_tokens holds it off") {
  auto r = ask(5, 60);
  const auto free_run = simulated_engine::expected(r, 0);
  r.stop_tokens = {free_run[7], free_run[30]};
  for (const std::uint32_t least : {0U, 12U}) {
    r.min_tokens = least;
    simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>());
    REQUIRE(engine.add(1, r));
    engine.run();
    CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
    CHECK(engine.answers.at(1).ends.at(0) == finish_reason::stop);
  }
}

TEST_CASE("guesses stay within max_tokens and the context") {
  batch_limits limits = small();
  limits.context = 40;
  for (const std::uint32_t tokens : {1U, 2U, 9U, 35U}) {
    CAPTURE(tokens);
    const auto r = ask(5, tokens);
    simulated_engine engine(limits, 1, std::make_unique<oracle_drafts>());
    REQUIRE(engine.add(1, r));
    engine.run();
    CHECK(engine.answers.at(1).tokens.at(0).size() == tokens);
    CHECK(engine.scheduler.speculation().drafted < tokens);
  }
}

TEST_CASE("a request can do without guesses") {
  auto r = ask(5, 30);
  r.speculate = false;
  simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>());
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.scheduler.speculation().drafted == 0);
  CHECK(engine.steps == steps_without_guesses(r));
}

TEST_CASE("guesses leave half of a step to prompts and keep to their own bound") {
  batch_limits limits = small();
  limits.step_rows = 12;
  limits.speculation.rows = 32;
  simulated_engine engine(limits, 1, std::make_unique<oracle_drafts>());
  REQUIRE(engine.add(1, ask(4, 90)));
  for (int i = 0; i < 6; ++i) engine.step();
  REQUIRE(engine.add(2, ask(60, 4, 500)));
  engine.run();
  CHECK(engine.most_rows <= limits.step_rows);
  for (const auto& shape : engine.step_shapes) {
    if (shape.size() == 2 && shape[1] > 1) CHECK(shape[0] <= limits.step_rows / 2);
  }
  CHECK(std::ranges::any_of(engine.step_shapes,
                            [](const auto& shape) { return shape.size() == 2 && shape[1] == 6; }));
}

TEST_CASE("guesses make nobody give way: they take only pages to spare") {
  batch_limits limits = small();
  limits.pages = 14;
  const auto preemptions = [&](std::unique_ptr<draft_source> drafts) {
    simulated_engine engine(limits, 2, std::move(drafts));
    for (request_id id = 1; id <= 4; ++id) {
      REQUIRE(engine.add(id, ask(6, 30, static_cast<token_id>(100 * id))));
    }
    engine.run();
    for (request_id id = 1; id <= 4; ++id) {
      CHECK(engine.answers.at(id).tokens.at(0) ==
            simulated_engine::expected(ask(6, 30, static_cast<token_id>(100 * id)), 0));
    }
    CHECK(engine.managers[0].pool().available() == 14);
    return engine.scheduler.preemptions();
  };
  CHECK(preemptions(nullptr) > 0);
  CHECK(preemptions(std::make_unique<oracle_drafts>()) > 0);
  // A sequence alone whose guesses would need a page that is not there goes on without.
  limits.pages = 2;
  simulated_engine tight(limits, 1, std::make_unique<oracle_drafts>());
  REQUIRE(tight.add(1, ask(4, 4)));
  tight.run();
  CHECK(tight.scheduler.preemptions() == 0);
  CHECK(tight.answers.at(1).tokens.at(0) == simulated_engine::expected(ask(4, 4), 0));
}

TEST_CASE("a request cancelled while its guesses are computed leaves nothing behind") {
  simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>());
  REQUIRE(engine.add(1, ask(20, 100)));
  REQUIRE(engine.add(2, ask(20, 50, 300)));
  for (int i = 0; i < 9; ++i) engine.step();
  engine.cancel_in_flight(1);
  engine.run();
  CHECK(engine.answers.at(2).tokens.at(0) == simulated_engine::expected(ask(20, 50, 300), 0));
  CHECK(engine.scheduler.requests() == 0);
  CHECK(engine.managers[0].pool().available() == 64);
}

TEST_CASE("what was computed from wrong guesses is never found in the prefix cache") {
  simulated_engine engine(small(), 1, std::make_unique<oracle_drafts>(4));
  const auto r = ask(10, 50);
  REQUIRE(engine.add(1, r));
  engine.run();
  // The conversation goes on: its history is taken from the cache and must be the true one.
  auto next = r;
  const auto drawn = simulated_engine::expected(r, 0);
  next.prompt.insert(next.prompt.end(), drawn.begin(), drawn.end());
  next.max_tokens = 20;
  REQUIRE(engine.add(2, next));
  engine.run();
  CHECK(engine.answers.at(2).summary->cached_tokens >= 52);
  CHECK(engine.answers.at(2).tokens.at(0) == simulated_engine::expected(next, 0));
}

TEST_CASE("prompt look-up speeds up a text that repeats itself and leaves others alone") {
  // The simulated model draws by the whole text before, so nothing repeats; only max_tokens counts.
  simulated_engine engine(small(), 1, std::make_unique<ngram_source>());
  const auto r = ask(20, 60);
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(engine.steps <= steps_without_guesses(r));
}

}  // namespace
}  // namespace troupe::test
