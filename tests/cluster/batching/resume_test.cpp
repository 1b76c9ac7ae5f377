// Answers that were begun by another scheduler, which is gone.
#include <doctest/doctest.h>

#include "tests/cluster/batching/hand_driven.hpp"
#include "tests/cluster/batching/random_load.hpp"
#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {
namespace {

/// What is left to ask for once `so_far` has arrived.
generation_request rest_of(generation_request asked, const answer_log::answer& so_far) {
  auto progress = std::make_shared<answer_progress>();
  for (const auto& [choice, tokens] : so_far.tokens) {
    for (std::uint32_t i = 0; i < tokens.size(); ++i) {
      token_event e;
      e.choice = choice;
      e.index = i;
      e.token = tokens[i];
      progress->events.push_back(e);
    }
  }
  progress->prompt_scores = so_far.scores;
  asked.resumes = std::move(progress);
  return asked;
}

generation_request resuming(generation_request asked, std::vector<token_id> drawn,
                            std::uint32_t choice = 0) {
  answer_log::answer so_far;
  so_far.tokens[choice] = std::move(drawn);
  return rest_of(std::move(asked), so_far);
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
    for (const auto& entry : second.answers.all) {
      const request_id id = entry.first;
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
  generation_request asked = resuming(counting_request(20, 5), {7, 7});
  auto progress = *asked.resumes;
  progress.cached_tokens = 12;
  asked.resumes = std::make_shared<answer_progress>(std::move(progress));
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
  const generation_request asked = counting_request(4, 3);
  CHECK(engine.add(1, resuming(asked, {7}, 1)).error().code() == errc::invalid_argument);
  CHECK(engine.add(1, resuming(asked, {7, 7, 7})).error().code() == errc::invalid_argument);
  CHECK(engine.add(1, resuming(asked, {7, 7, 7, 7})).error().code() == errc::invalid_argument);
  CHECK(engine.add(1, resuming(asked, {7, 7})));
}

}  // namespace
}  // namespace troupe::test
