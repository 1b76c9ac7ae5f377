// Answers that were begun by another scheduler, which is gone.
#include <doctest/doctest.h>

#include "tests/cluster/batching/hand_driven.hpp"
#include "tests/cluster/batching/random_load.hpp"
#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {
namespace {

batch_limits random_limits(std::mt19937& random) {
  batch_limits limits;
  limits.page_size = 4;
  limits.step_rows = 2 + random() % 30;
  limits.prefill_chunk = 1 + random() % 20;
  limits.max_sequences = 1 + random() % 6;
  limits.max_waiting = 100;
  limits.pages = 20 + random() % 30;
  limits.context = 76;
  limits.reuse_prefixes = random() % 4 != 0;
  limits.speculation.max_draft = 1 + random() % 10;
  limits.speculation.rows = 1 + random() % 30;
  return limits;
}

/// What is left to ask for once `so_far` has arrived.
generation_request rest_of(generation_request asked, const answer_log::answer& so_far) {
  auto progress = std::make_shared<answer_progress>();
  for (std::uint32_t choice = 0; choice < asked.choices; ++choice) {
    const auto drawn = so_far.tokens.find(choice);
    progress->drawn.push_back(drawn == so_far.tokens.end() ? std::vector<token_id>()
                                                           : drawn->second);
  }
  if (!so_far.scores.empty()) asked.prompt_logprobs = false;
  asked.resumes = std::move(progress);
  return asked;
}

TEST_CASE("wherever an answer is cut, another scheduler goes on to the same end") {
  std::size_t resumed = 0;
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    simulated_engine first(random_limits(random), 1 + random() % 3, drafts_for(seed));
    std::map<request_id, generation_request> asked;
    for (request_id id = 1; id <= 6; ++id) {
      generation_request r = random_request(random);
      if (first.add(id, r)) asked.emplace(id, std::move(r));
    }
    const std::size_t steps = random() % 60;
    for (std::size_t i = 0; i < steps; ++i) first.step();

    simulated_engine second(random_limits(random), 1 + random() % 3, drafts_for(seed + 1));
    for (const auto& [id, request] : asked) {
      const answer_log::answer& before = first.answers.all[id];
      if (before.summary) continue;
      if (!second.add(id, rest_of(request, before))) continue;  // it has less room than the first
      second.answers.all[id] = before;
      // Where nothing is drawn there is nothing to tell an end by: every choice ends once more.
      if (request.max_tokens == 0) second.answers.all[id].ends.clear();
      ++resumed;
    }
    second.run();
    for (const auto& [id, answer] : second.answers.all) {
      CAPTURE(id);
      second.answers.require_whole(id, asked.at(id));
    }
    CHECK(second.scheduler.requests() == 0);
  }
  CHECK(resumed > 300);
}

TEST_CASE("what a resumed answer cost is counted over both of its lives") {
  batch_limits limits;
  limits.pages = 100;
  limits.context = 200;
  hand_driven engine(limits);
  generation_request asked = counting_request(20, 5);
  asked.resumes = std::make_shared<answer_progress>(answer_progress{{{7, 7}}, 12});
  engine.answers.all[1].tokens[0] = {7, 7};
  REQUIRE(engine.add(1, asked));
  engine.run(true);
  REQUIRE(engine.answers.at(1).summary);
  CHECK(engine.answers.at(1).summary->completion_tokens == 5);
  CHECK(engine.answers.at(1).summary->cached_tokens == 12);
  CHECK(engine.answers.at(1).tokens.at(0) == std::vector<token_id>(5, 7));
}

TEST_CASE("progress that is not of the request is refused") {
  batch_limits limits;
  limits.pages = 100;
  limits.context = 200;
  hand_driven engine(limits);
  generation_request asked = counting_request(4, 3);
  asked.resumes = std::make_shared<answer_progress>(answer_progress{{{1}, {2}}, {}});
  CHECK(engine.add(1, asked).error().code() == errc::invalid_argument);
  asked.resumes = std::make_shared<answer_progress>(answer_progress{{{7, 7, 7}}, {}});
  CHECK(engine.add(1, asked).error().code() == errc::invalid_argument);
  asked.resumes = std::make_shared<answer_progress>(answer_progress{{{}}, {}});
  CHECK(engine.add(1, asked));
}

}  // namespace
}  // namespace troupe::test
