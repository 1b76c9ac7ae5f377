#include <doctest/doctest.h>

#include <set>

#include "tests/cluster/batching/test_drafts.hpp"

namespace troupe::test {
namespace {

/// A request made of few distinct tokens, so that prefixes are shared often.
generation_request random_request(std::mt19937& random) {
  generation_request r;
  const auto shared = random() % 3;
  const auto length = 1 + random() % 40;
  for (std::size_t i = 0; i < length; ++i) {
    r.prompt.push_back(static_cast<token_id>(i < 24 ? shared : random() % 5));
  }
  r.max_tokens = random() % 30;
  r.choices = 1 + random() % 3;
  r.prompt_logprobs = random() % 5 == 0;
  if (random() % 3 == 0) r.stop_tokens = {static_cast<token_id>(random() % 50)};
  return r;
}

/// Every second load runs without guesses.
std::unique_ptr<draft_source> drafts_for(std::uint32_t seed) {
  if (seed % 2 == 0) return nullptr;
  if (seed % 4 == 1) return std::make_unique<wild_drafts>(seed);
  return std::make_unique<oracle_drafts>(seed % 5);
}

TEST_CASE(
    "under random load, cancellation, scarce pages and guesses every answer is what it would be "
    "alone") {
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
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
    limits.speculation.ask_drafter = seed % 8 == 0;
    simulated_engine engine(limits, 1 + random() % 3, drafts_for(seed));
    // Every eighth load asks a drafter, whose answers are wild and sometimes fail to come.
    wild_drafts wild(seed);
    engine.drafter = [&](const draft_ask& ask) -> std::optional<draft_reply> {
      if (random() % 50 == 0) return std::nullopt;
      draft_reply reply;
      for (const draft_ask::text& text : ask.texts) {
        reply.guesses.push_back({text.id, static_cast<std::uint32_t>(text.tokens.size()),
                                 wild.propose(text.id, text.tokens, text.count).tokens});
      }
      return reply;
    };
    std::map<request_id, generation_request> asked;
    request_id next = 1;
    for (int i = 0; i < 600; ++i) {
      if (random() % 8 == 0) {
        generation_request r = random_request(random);
        if (engine.add(next, r)) asked.emplace(next, std::move(r));
        ++next;
      } else if (random() % 60 == 0 && !asked.empty()) {
        const auto victim =
            std::next(asked.begin(), static_cast<std::ptrdiff_t>(random() % asked.size()));
        if (!engine.answers.at(victim->first).summary) {
          engine.cancel(victim->first);
          asked.erase(victim);
        }
      } else {
        engine.step();
      }
      REQUIRE(engine.scheduler.running() <= limits.max_sequences);
    }
    engine.run();
    CHECK(engine.most_rows <= limits.step_rows);
    for (const auto& [id, r] : asked) {
      CAPTURE(id);
      const auto& a = engine.answers.at(id);
      REQUIRE(a.summary.has_value());
      REQUIRE(a.ends.size() == r.choices);
      for (std::uint32_t c = 0; c < r.choices && r.max_tokens > 0; ++c) {
        REQUIRE(a.tokens.at(c) == simulated_engine::expected(r, c));
      }
      if (r.prompt_logprobs) REQUIRE(a.scores.size() == r.prompt.size() - 1);
    }
    CHECK(engine.scheduler.requests() == 0);
    for (const kv_manager& m : engine.managers) {
      CHECK(m.open_sequences() == 0);
      CHECK(m.pool().available() == limits.pages);
    }
  }
}

}  // namespace
}  // namespace troupe::test
