#include <doctest/doctest.h>

#include "tests/cluster/batching/hand_driven.hpp"

namespace troupe::test {
namespace {

batch_limits small() {
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

TEST_CASE("a new epoch computes again what was not kept, over tokens that are known") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 20)));
  for (token_id t = 0; t < 6; ++t) batch.finish(batch.next_step(), 50 + t);
  CHECK(batch.answers.at(1).tokens.at(0).size() == 6);
  // Step 3 had computed the prompt and two tokens.
  REQUIRE(batch.scheduler.begin_epoch(2, 3).empty());
  const auto plan = batch.next_step();
  CHECK(plan->epoch == 2);
  CHECK(plan->runs.front().first == 10);
  CHECK(plan->runs.front().tokens == std::vector<token_id>{52, 53, 54, 55});
  CHECK(plan->samples.size() == 1);
  batch.finish(plan, 60);
  CHECK(batch.answers.at(1).tokens.at(0) == std::vector<token_id>{50, 51, 52, 53, 54, 55, 60});
  batch.run(true);
  CHECK(batch.answers.at(1).tokens.at(0).size() == 20);
}

TEST_CASE("where nothing was kept a sequence starts again from its first token") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 20)));
  for (int i = 0; i < 4; ++i) batch.finish(batch.next_step());
  REQUIRE(batch.scheduler.begin_epoch(2, std::nullopt).empty());
  const auto plan = batch.next_step();
  CHECK(plan->runs.front().first == 0);
  CHECK(plan->runs.front().tokens.size() == 8);
  CHECK(plan->samples.empty());
}

TEST_CASE("results and answers of an epoch that is over are ignored") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 20)));
  batch.finish(batch.next_step());
  const auto lost = batch.next_step();
  REQUIRE(batch.scheduler.begin_epoch(2, 1).empty());
  batch.finish(lost, 99);
  CHECK(batch.answers.at(1).tokens.at(0) == std::vector<token_id>{7});
  cache_reply old;
  old.epoch = 1;
  auto action = batch.scheduler.next({});
  const auto request = std::get<cache_request>(action);
  REQUIRE(request.reconcile.has_value());
  batch.scheduler.on_cache(old);
  CHECK(std::holds_alternative<batch_scheduler::idle>(batch.scheduler.next({})));
  batch.scheduler.on_cache(answer(batch.manager, request));
  CHECK(batch.next_step()->runs.front().first == 8);
}

TEST_CASE("an older or the same epoch begins nothing") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 20)));
  batch.finish(batch.next_step());
  const auto plan = batch.next_step();
  REQUIRE(batch.scheduler.begin_epoch(1, std::nullopt).empty());
  REQUIRE(batch.scheduler.begin_epoch(0, std::nullopt).empty());
  CHECK(batch.scheduler.steps_under_way() == 1);
  batch.finish(plan);
  CHECK(batch.answers.at(1).tokens.at(0).size() == 2);
}

TEST_CASE("what managers hold less of is computed again") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(16, 20)));
  for (int i = 0; i < 3; ++i) batch.finish(batch.next_step());
  batch.scheduler.on_durable(3);
  REQUIRE(batch.scheduler.begin_epoch(2, 3).empty());
  const auto request = std::get<cache_request>(batch.scheduler.next({}));
  REQUIRE(request.reconcile->size() == 1);
  CHECK(request.reconcile->front().positions == 17);
  CHECK(request.reconcile->front().committed == 16);
  // One stage is new: it knows nothing of the sequence.
  kv_manager fresh({4, 64, true});
  const std::vector<cache_reply> replies = {answer(batch.manager, request), answer(fresh, request)};
  const cache_reply all = merge(replies);
  CHECK(all.uneven);
  CHECK(all.held == std::vector<std::uint32_t>{0});
  batch.scheduler.on_cache(all);
  const auto plan = batch.next_step();
  CHECK(plan->runs.front().first == 0);
  REQUIRE(batch.requests.back().trims.size() == 1);
  CHECK(batch.requests.back().trims.front().positions == 0);
}

TEST_CASE("a request that is cancelled before or during a reconcile leaves nothing") {
  for (const bool during : {false, true}) {
    hand_driven batch(small());
    REQUIRE(batch.add(1, counting_request(8, 20)));
    REQUIRE(batch.add(2, counting_request(8, 20, 100)));
    for (int i = 0; i < 3; ++i) batch.finish(batch.next_step());
    REQUIRE(batch.scheduler.begin_epoch(2, 3).empty());
    if (!during) batch.scheduler.cancel(1);
    const auto request = std::get<cache_request>(batch.scheduler.next({}));
    CHECK(request.reconcile->size() == (during ? 2 : 1));
    if (during) batch.scheduler.cancel(1);
    batch.scheduler.on_cache(answer(batch.manager, request));
    batch.run(true);
    CHECK(batch.answers.at(2).tokens.at(0).size() == 20);
    CHECK(batch.manager.open_sequences() == 0);
    CHECK(batch.manager.pool().available() == 64);
  }
}

TEST_CASE("prompt scores that were sent are not sent again, and none is lost") {
  for (const int steps : {1, 2, 3, 5}) {
    for (const bool kept : {false, true}) {
      hand_driven batch(small());
      auto r = counting_request(20, 6);
      r.prompt_logprobs = true;
      REQUIRE(batch.add(1, r));
      for (int i = 0; i < steps; ++i) batch.finish(batch.next_step());
      REQUIRE(
          batch.scheduler.begin_epoch(2, kept ? std::optional<step_id>(steps - 1) : std::nullopt)
              .empty());
      batch.run(true);
      const auto& a = batch.answers.at(1);
      REQUIRE(a.scores.size() == 19);
      for (std::size_t i = 0; i < 19; ++i)
        CHECK(a.scores[i].logprob == static_cast<float>(r.prompt[i + 1]));
      CHECK(a.tokens.at(0).size() == 6);
    }
  }
}

TEST_CASE("an epoch with fewer pages drops what can never fit and ends what grows past them") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 60)));
  REQUIRE(batch.add(2, counting_request(8, 4, 100)));
  for (int i = 0; i < 4; ++i) batch.finish(batch.next_step());
  REQUIRE(batch.add(3, counting_request(40, 10, 200)));
  batch_limits fewer = small();
  fewer.pages = 8;
  CHECK(batch.scheduler.begin_epoch(2, 4, fewer) == std::vector<request_id>{3});
  batch.run(true);
  CHECK(batch.answers.at(2).ends.at(0) == finish_reason::length);
  CHECK(batch.answers.at(1).ends.at(0) == finish_reason::error);
  CHECK(batch.answers.at(1).tokens.at(0).size() == 8 * 4 - 8);
  CHECK(batch.scheduler.requests() == 0);
}

TEST_CASE("a result that does not fit its step is ignored") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, counting_request(8, 3)));
  const auto plan = batch.next_step();
  step_result bad;
  bad.id = plan->id;
  bad.epoch = plan->epoch;
  CHECK(batch.scheduler.on_step(bad, {}).empty());
  CHECK(batch.scheduler.steps_under_way() == 1);
  batch.finish(plan);
  batch.run(true);
  CHECK(batch.answers.at(1).tokens.at(0).size() == 3);
}

}  // namespace
}  // namespace troupe::test
