// Seeded schedules of strikes under load. What may not happen is checked at every step of the
// simulation: attention over a wrong text, a token that comes twice, pages that leak.
#include <doctest/doctest.h>

#include <iterator>
#include <map>

#include "tests/cluster/batching/random_load.hpp"
#include "tests/cluster/batching/simulated_cluster.hpp"

namespace troupe::test {
namespace {

struct schedule {
  std::uint32_t strike_one_in = 300;  ///< events
  bool buddies = true;
  bool buddies_die = true;
  bool change_limits = false;
};

simulated_cluster::settings random_settings(std::uint32_t seed, std::mt19937& random,
                                            const schedule& s) {
  simulated_cluster::settings to;
  to.seed = seed;
  to.stages = 1 + random() % 3;
  to.buddies = s.buddies;
  to.lose_steps = random() % 2 == 0;
  to.buddy_delay = random() % 4 == 0 ? 400 : 5 + random() % 60;
  to.least_pages = 18 + random() % 10;
  to.change_limits = s.change_limits;
  batch_limits& limits = to.limits;
  limits.replicated = true;
  limits.page_size = 4;
  limits.step_rows = 2 + random() % 30;
  limits.prefill_chunk = 1 + random() % 20;
  limits.prefill_beside = 1 + random() % 20;
  limits.max_sequences = 1 + random() % 6;
  limits.max_waiting = 100;
  limits.pages = to.least_pages + random() % 40;
  limits.context = 72;
  limits.in_flight = 1 + random() % 3;
  limits.reuse_prefixes = random() % 5 != 0;
  limits.least_marked = 4;
  limits.kept_percent = random() % 91;
  limits.kept_for = std::chrono::seconds(1);
  limits.speculation.max_draft = 1 + random() % 10;
  limits.speculation.rows = 1 + random() % 30;
  limits.speculation.ask_drafter = seed % 8 == 0;
  return to;
}

/// What all schedules of a test met, so that it shows when one stops testing what it should.
struct coverage {
  simulated_cluster::counts counted;
  std::uint64_t preemptions = 0;
  std::uint64_t found = 0;
  std::uint64_t created = 0;

  void add(const simulated_cluster& c) {
    counted.promoted += c.counted.promoted;
    counted.placed_anew += c.counted.placed_anew;
    counted.unreconciled += c.counted.unreconciled;
    counted.late_results += c.counted.late_results;
    counted.lost_steps += c.counted.lost_steps;
    counted.most_under_way = std::max(counted.most_under_way, c.counted.most_under_way);
    preemptions += c.scheduler.preemptions();
    for (const auto& [id, a] : c.answers.all)
      if (a.summary) {
        found += a.summary->cached_tokens;
        if (a.summary->created_tokens > 0) ++created;
      }
  }
};

void strike(simulated_cluster& cluster, std::uint32_t stages, const schedule& s,
            std::mt19937& random) {
  const auto stage = static_cast<std::uint32_t>(random() % stages);
  switch (random() % 8) {
    case 0:
      return cluster.recover();  // a false alarm
    case 1:
    case 2:
      if (s.buddies_die) return cluster.kill_buddy(stage);
      [[fallthrough]];
    case 3:
      if (s.buddies_die) cluster.kill_buddy(stage);
      [[fallthrough]];
    default:
      return cluster.kill_primary(stage);
  }
}

void play(std::uint32_t seed, const schedule& s, coverage& all) {
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto settings = random_settings(seed, random, s);
  simulated_cluster cluster(settings,
                            settings.limits.speculation.ask_drafter ? nullptr : drafts_for(seed));
  cluster.drafter = wild_drafter(seed);
  std::map<request_id, generation_request> asked;
  request_id next = 1;
  for (int i = 0; i < 1500; ++i) {
    const auto roll = random();
    if (asked.size() < 10 && roll % 60 == 0) {
      generation_request r = random_request(random);
      if (random() % 2 == 0) add_marks(r, random);
      if (cluster.add(next, r)) asked.emplace(next, std::move(r));
      ++next;
    } else if (roll % 400 == 1 && !asked.empty()) {
      const auto victim =
          std::next(asked.begin(), static_cast<std::ptrdiff_t>(random() % asked.size()));
      if (!cluster.answers.at(victim->first).summary) {
        cluster.cancel(victim->first);
        asked.erase(victim);
      }
    } else if (random() % s.strike_one_in == 0) {
      strike(cluster, settings.stages, s, random);
    } else {
      cluster.step();
    }
    REQUIRE(cluster.scheduler.running() <= settings.limits.max_sequences);
  }
  cluster.run();
  for (const auto& entry : asked) {
    const request_id id = entry.first;
    CAPTURE(id);
    cluster.answers.require_whole(id, entry.second);
  }
  REQUIRE(cluster.scheduler.requests() == 0);
  REQUIRE(cluster.scheduler.steps_under_way() == 0);
  cluster.require_empty();
  all.add(cluster);
}

coverage play_all(std::uint32_t from, std::uint32_t count, const schedule& s) {
  coverage all;
  for (std::uint32_t seed = from; seed < from + count; ++seed) play(seed, s, all);
  CHECK(all.counted.promoted + all.counted.placed_anew > count / 2);
  CHECK(all.counted.late_results > 0);
  CHECK(all.counted.lost_steps > 0);
  CHECK(all.counted.most_under_way == 3);
  CHECK(all.preemptions > 0);
  CHECK(all.found > 0);
  CHECK(all.created > 0);
  return all;
}

TEST_CASE("whoever dies when, every answer is what it would have been and comes once") {
  const coverage all = play_all(0, 1500, {});
  CHECK(all.counted.promoted > 0);
  CHECK(all.counted.placed_anew > 0);
}

TEST_CASE("strikes that come faster than recoveries end change no answer") {
  const coverage all = play_all(10'000, 700, {.strike_one_in = 25});
  CHECK(all.counted.unreconciled > 0);
}

TEST_CASE("while buddies live no stage is computed from the start") {
  const coverage all = play_all(20'000, 300, {.buddies_die = false});
  CHECK(all.counted.promoted > 0);
}

TEST_CASE("without buddies everything is computed again, and no answer changes") {
  const coverage all = play_all(30'000, 300, {.buddies = false});
  CHECK(all.counted.promoted == 0);
}

TEST_CASE("limits that change with the epoch change no answer") {
  (void)play_all(40'000, 700, {.strike_one_in = 100, .change_limits = true});
}

}  // namespace
}  // namespace troupe::test
