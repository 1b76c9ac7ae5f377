#include "cluster/batching/batch_scheduler.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {
namespace {

batch_limits small() {
  batch_limits l;
  l.step_rows = 16;
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

TEST_CASE("a request alone draws every token and reports what it used") {
  simulated_engine engine(small(), 1);
  const auto r = ask(20, 10);
  REQUIRE(engine.add(1, r));
  engine.run();
  const auto& a = engine.answers.at(1);
  CHECK(a.tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(a.ends.at(0) == finish_reason::length);
  REQUIRE(a.summary);
  CHECK(a.summary->prompt_tokens == 20);
  CHECK(a.summary->completion_tokens == 10);
  CHECK(engine.scheduler.requests() == 0);
  CHECK(engine.managers[0].open_sequences() == 0);
}

TEST_CASE("the oldest request that nothing has been begun of is known by its time") {
  batch_limits limits = small();
  limits.max_sequences = 1;
  simulated_engine engine(limits, 1);
  CHECK_FALSE(engine.scheduler.waiting_since());
  const batch_scheduler::time_point start{std::chrono::hours(1)};
  for (request_id id = 1; id <= 3; ++id) {
    auto asked = std::make_shared<const generation_request>(ask(20, 4, 100 * id));
    REQUIRE(engine.scheduler.add(id, asked, start + std::chrono::seconds(id)));
  }
  CHECK(engine.scheduler.waiting_since() == start + std::chrono::seconds(1));
  (void)engine.scheduler.next(start + std::chrono::seconds(4));
  CHECK(engine.scheduler.waiting_since() == start + std::chrono::seconds(2));
  engine.scheduler.cancel(2);
  CHECK(engine.scheduler.waiting_since() == start + std::chrono::seconds(3));
  engine.scheduler.cancel(3);
  CHECK_FALSE(engine.scheduler.waiting_since());
}

TEST_CASE("a step that decodes takes fewer prompt tokens than one that does not") {
  batch_limits limits = small();
  limits.prefill_beside = 3;
  simulated_engine engine(limits, 1);
  REQUIRE(engine.add(1, ask(20, 10)));
  REQUIRE(engine.add(2, ask(40, 4, 500)));
  engine.run();
  CHECK(engine.step_shapes.front().front() == limits.prefill_chunk);
  bool together = false;
  for (const auto& shape : engine.step_shapes) {
    if (shape.front() != 1) continue;
    for (std::size_t i = 1; i < shape.size(); ++i) CHECK(shape[i] <= 3);
    together = together || shape.size() == 2;
  }
  CHECK(together);
}

TEST_CASE("the page of the next token is asked for while a step is under way") {
  batch_limits limits = small();
  batch_scheduler scheduler(limits, 1);
  kv_manager manager({limits.page_size, limits.pages, true});
  const batch_scheduler::time_point now;
  REQUIRE(scheduler.add(1, std::make_shared<const generation_request>(ask(3, 20)), now));
  std::uint32_t steps = 0;
  std::uint32_t asked_between = 0;
  std::shared_ptr<const step_plan> under_way;
  for (;;) {
    auto action = scheduler.next(now);
    if (auto* request = std::get_if<cache_request>(&action)) {
      asked_between += under_way == nullptr && steps > 0 && !request->extends.empty() ? 1 : 0;
      scheduler.on_cache(answer(manager, *request));
    } else if (auto* plan = std::get_if<std::shared_ptr<const step_plan>>(&action)) {
      under_way = *plan;
    } else if (under_way != nullptr) {
      step_result r;
      r.id = under_way->id;
      r.epoch = under_way->epoch;
      r.samples.resize(under_way->samples.size(), {.token = 7, .logprob = {}});
      under_way = nullptr;
      ++steps;
      (void)scheduler.on_step(r, now);
    } else {
      break;
    }
  }
  CHECK(steps == 20);
  CHECK(asked_between == 0);
  CHECK(manager.open_sequences() == 0);
}

TEST_CASE("prompts go in chunks beside the decodes, within the token budget") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(3, 40)));
  while (engine.step() && engine.steps < 5) {
  }
  REQUIRE(engine.add(2, ask(60, 4, 500)));
  engine.run();
  CHECK(engine.most_rows <= small().step_rows);
  bool together = false;
  for (const auto& shape : engine.step_shapes) {
    for (const auto rows : shape) CHECK(rows <= small().prefill_chunk);
    together = together || (shape.size() == 2 && shape[0] == 1 && shape[1] == 8);
  }
  CHECK(together);
}

TEST_CASE("a stop token ends a choice and is reported; min_tokens holds it off") {
  simulated_engine engine(small(), 1);
  auto r = ask(5, 60);
  const auto free_run = simulated_engine::expected(r, 0);
  r.stop_tokens = {free_run[7]};
  REQUIRE(engine.add(1, r));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(r, 0));
  CHECK(engine.answers.at(1).ends.at(0) == finish_reason::stop);
  r.min_tokens = 30;
  REQUIRE(engine.add(2, r));
  engine.run();
  CHECK(engine.answers.at(2).tokens.at(0).size() > 30);
}

TEST_CASE("the choices of a request share its prompt's pages") {
  simulated_engine engine(small(), 1);
  auto r = ask(32, 6);
  r.choices = 3;
  REQUIRE(engine.add(1, r));
  engine.run();
  const auto& a = engine.answers.at(1);
  for (std::uint32_t c = 0; c < 3; ++c) CHECK(a.tokens.at(c) == simulated_engine::expected(r, c));
  CHECK(a.summary->completion_tokens == 18);
  // Twice 28 of 32 positions found: all whole pages but the one with the last position.
  CHECK(engine.managers[0].counts().found == 56);
}

TEST_CASE("a second request over the same prompt starts from its cached pages") {
  simulated_engine engine(small(), 2);
  const auto r = ask(40, 4);
  REQUIRE(engine.add(1, r));
  engine.run();
  REQUIRE(engine.add(2, r));
  engine.run();
  CHECK(engine.answers.at(1).summary->cached_tokens == 0);
  CHECK(engine.answers.at(2).summary->cached_tokens == 36);
  CHECK(engine.answers.at(2).tokens == engine.answers.at(1).tokens);
}

TEST_CASE("when pages run out the youngest gives way, and every answer is still whole") {
  batch_limits limits = small();
  limits.pages = 14;
  limits.max_sequences = 4;
  simulated_engine engine(limits, 2);
  for (request_id id = 1; id <= 4; ++id) {
    REQUIRE(engine.add(id, ask(6, 30, static_cast<token_id>(100 * id))));
  }
  engine.run();
  CHECK(engine.scheduler.preemptions() > 0);
  for (request_id id = 1; id <= 4; ++id) {
    CHECK(engine.answers.at(id).tokens.at(0) ==
          simulated_engine::expected(ask(6, 30, static_cast<token_id>(100 * id)), 0));
  }
  CHECK(engine.managers[0].pool().available() == 14);
}

TEST_CASE("a cancelled request frees its pages with the next answer of the cache managers") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(20, 100)));
  for (int i = 0; i < 12; ++i) engine.step();
  CHECK(engine.managers[0].pool().available() < 64);
  engine.cancel(1);
  engine.run();
  CHECK(engine.managers[0].pool().available() == 64);
  CHECK(engine.scheduler.requests() == 0);
  engine.cancel(1);  // unknown by now
}

TEST_CASE("prompt scores come once, in order, whatever the cache holds") {
  simulated_engine engine(small(), 1);
  auto r = ask(30, 2);
  REQUIRE(engine.add(1, r));
  engine.run();
  r.prompt_logprobs = true;
  REQUIRE(engine.add(2, r));
  engine.run();
  const auto& scores = engine.answers.at(2).scores;
  REQUIRE(scores.size() == 29);
  for (std::size_t i = 0; i < scores.size(); ++i)
    CHECK(scores[i].logprob == static_cast<float>(r.prompt[i + 1]));
  r.max_tokens = 0;
  REQUIRE(engine.add(3, r));
  engine.run();
  CHECK(engine.answers.at(3).scores.size() == 29);
  CHECK(engine.answers.at(3).ends.at(0) == finish_reason::length);
  CHECK(engine.answers.at(3).summary.has_value());
}

TEST_CASE("requests that can never run, or find the queue full, are refused with the reason") {
  simulated_engine engine(small(), 1);
  CHECK(engine.add(1, ask(0, 4)).error().code() == errc::invalid_argument);
  CHECK(engine.add(2, ask(100, 29)).error().code() == errc::out_of_range);
  CHECK(engine.add(3, ask(100, 28)).has_value());
  CHECK(engine.add(3, ask(1, 1)).error().code() == errc::already_exists);
  for (request_id id = 10; id < 25; ++id) REQUIRE(engine.add(id, ask(4, 1)));
  CHECK(engine.add(99, ask(4, 1)).error().code() == errc::exhausted);
}

TEST_CASE("a result that nobody waits for changes nothing") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(4, 4)));
  step_result stray;
  stray.id = 4711;
  CHECK(engine.scheduler.on_step(stray, {}).empty());
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0).size() == 4);
}

}  // namespace
}  // namespace troupe::test
