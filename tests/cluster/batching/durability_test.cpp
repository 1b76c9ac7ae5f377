#include <doctest/doctest.h>

#include <algorithm>

#include "tests/cluster/batching/hand_driven.hpp"

namespace troupe::test {
namespace {

batch_limits replicated() {
  batch_limits l;
  l.step_rows = 32;
  l.prefill_chunk = 8;
  l.max_sequences = 4;
  l.max_waiting = 16;
  l.page_size = 4;
  l.pages = 64;
  l.context = 128;
  l.replicated = true;
  return l;
}

std::size_t committed(const hand_driven& batch) {
  std::size_t tokens = 0;
  for (const cache_request& r : batch.requests)
    for (const auto& c : r.commits) tokens += c.tokens.size();
  return tokens;
}

TEST_CASE("only what is durable can be found by others") {
  hand_driven batch(replicated());
  REQUIRE(batch.add(1, counting_request(16, 20)));
  std::vector<step_id> steps;
  for (int i = 0; i < 4; ++i) {
    const auto plan = batch.next_step();
    steps.push_back(plan->id);
    batch.finish(plan);
  }
  CHECK(committed(batch) == 0);
  batch.scheduler.on_durable(steps[0]);
  CHECK(batch.next_step() != nullptr);
  CHECK(batch.next_step() == nullptr);
  CHECK(committed(batch) == 8);
  batch.scheduler.on_durable(steps[3]);
  CHECK(batch.next_step() == nullptr);
  CHECK(committed(batch) == 16);
}

TEST_CASE("acknowledgements that are late, repeated or impossible change nothing") {
  hand_driven batch(replicated());
  REQUIRE(batch.add(1, counting_request(16, 20)));
  batch.scheduler.on_durable(1000);  // no such step yet
  for (int i = 0; i < 3; ++i) batch.finish(batch.next_step());
  CHECK(batch.next_step()->id == 4);
  CHECK(committed(batch) == 0);
  batch.scheduler.on_durable(2);
  batch.scheduler.on_durable(2);
  batch.scheduler.on_durable(1);
  CHECK(batch.next_step() == nullptr);
  CHECK(committed(batch) == 16);
}

TEST_CASE("an acknowledgement may come before its step's result") {
  hand_driven batch(replicated());
  REQUIRE(batch.add(1, counting_request(16, 20)));
  const auto plan = batch.next_step();
  batch.scheduler.on_durable(plan->id);
  batch.finish(plan);
  CHECK(batch.next_step() != nullptr);
  CHECK(batch.next_step() == nullptr);
  CHECK(committed(batch) == 8);
}

TEST_CASE("a sequence that ended keeps its pages until its text is durable") {
  hand_driven batch(replicated());
  REQUIRE(batch.add(1, counting_request(16, 1)));
  batch.run(false);
  CHECK(batch.answers.at(1).summary.has_value());
  CHECK(batch.scheduler.requests() == 0);
  CHECK(batch.manager.open_sequences() == 1);
  batch.scheduler.on_durable(batch.steps);
  CHECK(batch.next_step() == nullptr);
  CHECK(batch.manager.open_sequences() == 0);
  CHECK(batch.manager.pool().cached() == 4);
  REQUIRE(batch.add(2, counting_request(17, 1)));
  batch.run(true);
  CHECK(batch.answers.at(2).summary->cached_tokens == 16);
}

TEST_CASE("sequences that ended give their pages to those that need them") {
  batch_limits limits = replicated();
  limits.pages = 6;
  hand_driven batch(limits);
  REQUIRE(batch.add(1, counting_request(16, 1)));
  batch.run(false);
  CHECK(batch.manager.open_sequences() == 1);
  REQUIRE(batch.add(2, counting_request(16, 4, 100)));
  batch.run(false);
  CHECK(batch.answers.at(2).summary.has_value());
  CHECK(batch.scheduler.preemptions() == 0);
}

TEST_CASE("no more ended sequences keep pages than may run") {
  hand_driven batch(replicated());
  for (request_id id = 1; id <= 9; ++id) {
    REQUIRE(batch.add(id, counting_request(8, 1, static_cast<token_id>(100 * id))));
    batch.run(false);
  }
  CHECK(batch.manager.open_sequences() == 4);
}

TEST_CASE("other choices wait for the first one's prompt to be durable, but not for ever") {
  for (const bool durable : {true, false}) {
    hand_driven batch(replicated());
    auto r = counting_request(16, 40);
    r.choices = 2;
    REQUIRE(batch.add(1, r));
    std::size_t alone = 0;
    while (const auto plan = batch.next_step()) {
      if (batch.scheduler.running() == 2) break;
      ++alone;
      batch.finish(plan);
      if (durable) batch.scheduler.on_durable(plan->id);
    }
    CHECK(batch.manager.counts().found == (durable ? 12 : 0));
    CHECK(alone >= (durable ? 2 : 10));
    CHECK(alone < 30);
  }
}

TEST_CASE("where nobody acknowledges, little is kept of how far a sequence was when") {
  batch_limits limits = replicated();
  limits.context = 4096;
  limits.pages = 1024;
  hand_driven batch(limits);
  REQUIRE(batch.add(1, counting_request(8, 1000)));
  for (int i = 0; i < 500; ++i) batch.finish(batch.next_step());
  // A failure now goes back to a step shortly before the one that was kept.
  REQUIRE(batch.scheduler.begin_epoch(2, 400).empty());
  const auto plan = batch.next_step();
  const auto asked = std::ranges::find_if(
      batch.requests, [](const cache_request& r) { return r.reconcile.has_value(); });
  REQUIRE(asked != batch.requests.end());
  const std::uint32_t positions = asked->reconcile->front().positions;
  CHECK(positions <= 407);
  CHECK(positions > 300);
  CHECK(plan->runs.front().first == positions);
}

}  // namespace
}  // namespace troupe::test
