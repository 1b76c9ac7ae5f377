#include <doctest/doctest.h>

#include <map>

#include "tests/cluster/batching/random_load.hpp"
#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {
namespace {

TEST_CASE(
    "under random load, cancellation, scarce pages, marks and guesses every answer is what it "
    "would be alone") {
  std::size_t kept = 0;
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    batch_limits limits = random_limits(random);
    limits.speculation.ask_drafter = seed % 8 == 0;
    limits.attention_positions = random() % 3 == 0 ? 8 : 0;
    limits.least_marked = 4;
    limits.kept_percent = random() % 91;
    limits.kept_for = std::chrono::seconds(1);
    simulated_engine engine(limits, 1 + random() % 3, drafts_for(seed));
    // Every eighth load asks a drafter.
    engine.drafter = wild_drafter(seed);
    std::map<request_id, generation_request> asked;
    request_id next = 1;
    for (int i = 0; i < 600; ++i) {
      if (random() % 8 == 0) {
        generation_request r = random_request(random);
        if (random() % 2 == 0) add_marks(r, random);
        if (engine.add(next, r)) asked.emplace(next, std::move(r));
        ++next;
      } else if (random() % 60 == 0 && !asked.empty()) {
        const auto victim =
            std::next(asked.begin(), static_cast<std::ptrdiff_t>(random() % asked.size()));
        if (!engine.answers.all.at(victim->first).summary) {
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
    for (const auto& entry : asked) {
      const request_id id = entry.first;
      CAPTURE(id);
      engine.answers.require_whole(id, entry.second);
    }
    CHECK(engine.scheduler.requests() == 0);
    for (const kv_manager& m : engine.managers) kept += m.open_sequences();
    // A step takes a millisecond: marked prefixes are over.
    for (int i = 0; i < 1100; ++i) engine.step();
    for (const kv_manager& m : engine.managers) {
      CHECK(m.open_sequences() == 0);
      CHECK(m.pool().available() == limits.pages);
    }
  }
  CHECK(kept > 20);
}

}  // namespace
}  // namespace troupe::test
