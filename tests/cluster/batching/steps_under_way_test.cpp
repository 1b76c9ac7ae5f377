// Several steps under way at once, as a pipeline of stages needs them.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/cluster/batching/hand_driven.hpp"

namespace troupe::test {
namespace {

batch_limits pipelined(std::uint32_t in_flight) {
  batch_limits l;
  l.step_rows = 64;
  l.prefill_chunk = 16;
  l.prefill_beside = 16;
  l.max_sequences = 16;
  l.max_waiting = 64;
  l.page_size = 4;
  l.pages = 256;
  l.context = 128;
  l.in_flight = in_flight;
  return l;
}

/// `count` sequences that all decode, and no step under way.
void fill(hand_driven& batch, request_id count) {
  for (request_id id = 1; id <= count; ++id)
    REQUIRE(batch.add(id, counting_request(3, 60, static_cast<token_id>(100 * id))));
  std::size_t begun = 0;
  while (begun < count) {
    for (const auto& plan : batch.next_steps()) {
      begun += plan->samples.size();
      batch.finish(plan);
    }
    REQUIRE(batch.steps < 100);
  }
}

TEST_CASE("rows that decode are spread evenly over the steps under way") {
  for (const std::uint32_t in_flight : {1U, 2U, 3U, 4U}) {
    CAPTURE(in_flight);
    hand_driven batch(pipelined(in_flight));
    fill(batch, 12);
    std::vector<hand_driven::plan_ptr> steps = batch.next_steps();
    for (int round = 0; round < 10; ++round) {
      REQUIRE(steps.size() == in_flight);
      std::set<sequence_id> used;
      for (const auto& plan : steps) {
        CHECK(plan->rows() == 12 / in_flight);
        for (const sequence_run& run : plan->runs) CHECK(used.insert(run.sequence).second);
      }
      CHECK(used.size() == 12);
      batch.finish(steps.front());
      steps.erase(steps.begin());
      for (auto& plan : batch.next_steps()) steps.push_back(std::move(plan));
    }
  }
}

TEST_CASE("prompts are spread over the steps under way too") {
  hand_driven batch(pipelined(2));
  for (request_id id = 1; id <= 4; ++id)
    REQUIRE(batch.add(id, counting_request(40, 2, static_cast<token_id>(100 * id))));
  const auto steps = batch.next_steps();
  REQUIRE(steps.size() == 2);
  CHECK(steps[0]->runs.size() == 2);
  CHECK(steps[1]->runs.size() == 2);
}

TEST_CASE("a step of prompts alone is short while others decode") {
  batch_limits limits = pipelined(2);
  limits.prefill_beside = 5;
  hand_driven batch(limits);
  fill(batch, 1);
  REQUIRE(batch.add(2, counting_request(40, 2, 1000)));
  const auto steps = batch.next_steps();
  std::uint32_t prompt_rows = 0;
  for (const auto& plan : steps) {
    for (const sequence_run& run : plan->runs) {
      CHECK(run.tokens.size() <= 5);
      if (run.tokens.size() > 1) prompt_rows += static_cast<std::uint32_t>(run.tokens.size());
    }
  }
  CHECK(prompt_rows == 5);
}

TEST_CASE("a sequence alone has one step under way") {
  hand_driven batch(pipelined(4));
  fill(batch, 1);
  CHECK(batch.next_steps().size() == 1);
}

TEST_CASE("refused pages are not asked for again before a step gives its result") {
  batch_limits limits = pipelined(2);
  limits.pages = 9;
  limits.reuse_prefixes = false;
  hand_driven batch(limits);
  for (request_id id = 1; id <= 3; ++id)
    REQUIRE(batch.add(id, counting_request(6, 20, static_cast<token_id>(100 * id))));
  std::vector<hand_driven::plan_ptr> under_way;
  for (int i = 0; i < 500 && batch.scheduler.requests() > 0; ++i) {
    // next_step() fails the test if the manager is asked a hundred times without a step.
    for (auto& plan : batch.next_steps()) under_way.push_back(std::move(plan));
    REQUIRE_FALSE(under_way.empty());
    batch.finish(under_way.back());
    under_way.pop_back();
  }
  CHECK(batch.scheduler.preemptions() > 0);
  for (request_id id = 1; id <= 3; ++id) CHECK(batch.answers.at(id).tokens.at(0).size() == 20);
}

TEST_CASE("the page of a next token is asked for while its step is under way, not after") {
  hand_driven batch(pipelined(2));
  fill(batch, 1);
  std::size_t late = 0;
  for (int i = 0; i < 30; ++i) {
    const std::size_t before = batch.requests.size();
    const auto plan = batch.next_step();
    for (std::size_t r = before; r < batch.requests.size(); ++r)
      late += batch.requests[r].extends.size();
    CHECK(batch.next_step() == nullptr);  // asks ahead
    batch.finish(plan);
  }
  CHECK(late <= 1);
}

}  // namespace
}  // namespace troupe::test
