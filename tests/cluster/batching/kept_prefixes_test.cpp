#include "cluster/batching/kept_prefixes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "tests/cluster/batching/hand_driven.hpp"
#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::vector<token_id> counting(std::size_t n, token_id from = 0) {
  std::vector<token_id> tokens(n);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

/// A book over pages of 4 positions that keeps prefixes of 8 and more.
struct book {
  explicit book(std::uint64_t pages) : kept({4, 8, pages, 16, seconds(300)}) {}
  kept_prefixes::outcome mark(cache_space space, const std::vector<token_id>& prompt,
                              const std::vector<std::uint32_t>& marks) {
    auto out = kept.mark(space, prompt, marks, now, next);
    for (const sequence_id holder : out.fresh) kept.held(holder);
    return out;
  }
  kept_prefixes kept;
  kept_prefixes::time_point now;
  sequence_id next = 1;
};

TEST_CASE("a marked prefix is made once, found by what begins with it, and by its own space only") {
  book b(100);
  const auto prompt = counting(20);
  CHECK(b.mark(1, prompt, {18}).created == 16);  // whole pages
  const auto again = b.mark(1, prompt, {18});
  CHECK(again.found == 16);
  CHECK(again.created == 0);
  CHECK(again.fresh.empty());
  const auto longer = b.mark(1, counting(40), {36});
  CHECK(longer.found == 16);
  CHECK(longer.created == 20);
  CHECK(b.mark(1, counting(40), {}).found == 36);
  auto other = prompt;
  other[3] = 99;
  CHECK(b.mark(1, other, {}).found == 0);
  CHECK(b.mark(2, prompt, {}).found == 0);
  // Pages that prefixes share count once.
  CHECK(b.kept.pages() == 9);
}

TEST_CASE("prefixes that are too short are not kept") {
  book b(100);
  const auto none = b.mark(0, counting(20), {7});
  CHECK(none.created == 0);
  CHECK(b.kept.size() == 0);
}

TEST_CASE("a prefix holds for its lifetime after the last use") {
  book b(100);
  (void)b.mark(0, counting(20), {20});
  b.now += minutes(4);
  CHECK(b.mark(0, counting(20), {}).found == 20);
  b.now += minutes(4);
  CHECK(b.mark(0, counting(20), {}).found == 20);
  b.now += minutes(5);
  CHECK(b.mark(0, counting(20), {}).found == 0);
  CHECK(b.kept.take_dropped() == std::vector<sequence_id>{1});
  CHECK(b.kept.pages() == 0);
}

TEST_CASE("where room is short, whoever keeps most gives way") {
  book b(10);
  (void)b.mark(1, counting(12), {12});
  b.now += seconds(1);
  (void)b.mark(2, counting(12, 100), {12});
  (void)b.mark(2, counting(12, 200), {12});
  CHECK(b.kept.pages() == 9);
  CHECK(b.mark(3, counting(12, 300), {12}).created == 12);
  CHECK(b.kept.pages() == 9);
  CHECK(b.mark(1, counting(12), {}).found == 12);
  CHECK(b.mark(2, counting(12, 200), {}).found + b.mark(2, counting(12, 100), {}).found == 12);
  CHECK(b.mark(4, counting(44, 400), {44}).created == 0);  // more than all there is
  b.kept.bound(3);
  CHECK(b.kept.pages() <= 3);
}

batch_limits small() {
  batch_limits l;
  l.step_rows = 16;
  l.prefill_chunk = 8;
  l.max_sequences = 4;
  l.max_waiting = 64;
  l.page_size = 4;
  l.pages = 32;
  l.context = 128;
  l.least_cached = 16;
  l.least_marked = 16;
  return l;
}

generation_request ask(std::size_t prompt, std::uint32_t tokens, token_id from,
                       std::vector<std::uint32_t> marks = {}, std::uint64_t space = 0) {
  generation_request r;
  r.prompt = counting(prompt, from);
  r.max_tokens = tokens;
  r.cache_marks = std::move(marks);
  r.cache_space = space;
  return r;
}

TEST_CASE("a marked prefix outlasts whatever else runs, and is told as it was found and made") {
  simulated_engine engine(small(), 2);
  REQUIRE(engine.add(1, ask(40, 3, 0, {34})));
  engine.run();
  CHECK(engine.answers.at(1).summary->created_tokens == 32);
  CHECK(engine.answers.at(1).summary->cached_tokens == 0);
  // More than all pages, several times over.
  for (request_id id = 2; id < 12; ++id) {
    REQUIRE(engine.add(id, ask(60, 3, static_cast<token_id>(1000 * id))));
    engine.run();
  }
  CHECK(engine.managers[0].counts().evicted > 0);
  REQUIRE(engine.add(20, ask(44, 3, 0, {40})));
  engine.run();
  CHECK(engine.answers.at(20).summary->cached_tokens == 32);
  CHECK(engine.answers.at(20).summary->created_tokens == 8);
  // Without marks it is found as any prefix is.
  REQUIRE(engine.add(21, ask(44, 3, 0)));
  engine.run();
  CHECK(engine.answers.at(21).summary->cached_tokens == 40);
  CHECK(engine.answers.at(21).summary->created_tokens == 0);
}

TEST_CASE("with marks only what was marked before counts as cached") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(40, 3, 0)));
  engine.run();
  REQUIRE(engine.add(2, ask(40, 3, 0, {32})));
  engine.run();
  CHECK(engine.answers.at(2).summary->cached_tokens == 0);
  CHECK(engine.answers.at(2).summary->created_tokens == 32);
  CHECK(engine.answers.at(2).tokens == engine.answers.at(1).tokens);
}

TEST_CASE("what too few tokens find is used and not told") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(14, 3, 0)));
  engine.run();
  REQUIRE(engine.add(2, ask(14, 3, 0)));
  engine.run();
  CHECK(engine.answers.at(2).summary->cached_tokens == 0);
  CHECK(engine.managers[0].counts().found == 12);
}

TEST_CASE("another space finds nothing of a prompt, marked or not") {
  simulated_engine engine(small(), 1);
  REQUIRE(engine.add(1, ask(40, 3, 0, {32}, 1)));
  REQUIRE(engine.add(2, ask(40, 3, 0, {}, 1)));
  engine.run();
  const auto found = engine.managers[0].counts().found;
  REQUIRE(engine.add(3, ask(40, 3, 0, {32}, 2)));
  engine.run();
  CHECK(engine.answers.at(3).summary->cached_tokens == 0);
  CHECK(engine.answers.at(3).summary->created_tokens == 32);
  CHECK(engine.managers[0].counts().found == found + 32);  // its own, to keep it
  CHECK(engine.answers.at(3).tokens == engine.answers.at(1).tokens);
}

TEST_CASE("marked prefixes give way before a request that needs their pages fails") {
  batch_limits limits = small();
  limits.pages = 20;
  limits.kept_percent = 90;
  simulated_engine engine(limits, 1);
  REQUIRE(engine.add(1, ask(40, 3, 0, {40})));
  engine.run();
  REQUIRE(engine.add(2, ask(60, 16, 500)));
  engine.run();
  CHECK(engine.answers.at(2).tokens.at(0) == simulated_engine::expected(ask(60, 16, 500), 0));
}

TEST_CASE("marked prefixes live through a new epoch") {
  hand_driven batch(small());
  REQUIRE(batch.add(1, ask(40, 2, 0, {32})));
  batch.run(true);
  CHECK(batch.answers.at(1).summary->created_tokens == 32);
  CHECK(batch.manager.open_sequences() == 1);
  CHECK(batch.scheduler.begin_epoch(2, std::nullopt).empty());
  CHECK(batch.next_step() == nullptr);
  CHECK(batch.manager.open_sequences() == 1);
  REQUIRE(batch.add(2, ask(40, 2, 0, {32})));
  batch.run(true);
  CHECK(batch.answers.at(2).summary->cached_tokens == 32);
  CHECK(batch.answers.at(2).summary->created_tokens == 0);
}

TEST_CASE("far into a long prompt a step that decodes takes fewer of its rows") {
  batch_limits limits = small();
  limits.pages = 64;
  limits.step_rows = 64;
  limits.prefill_chunk = 32;
  limits.prefill_beside = 16;
  limits.attention_positions = 16;
  simulated_engine engine(limits, 1);
  REQUIRE(engine.add(1, ask(4, 60, 0)));
  REQUIRE(engine.add(2, ask(100, 4, 500)));
  engine.run();
  std::size_t least = 100;
  std::size_t last = 100;
  for (const auto& shape : engine.step_shapes) {
    if (shape.size() < 2 || shape[1] < 2) continue;
    CHECK(shape[1] <= last);
    last = shape[1];
    least = std::min(least, shape[1]);
  }
  CHECK(least == 4);
  CHECK(engine.answers.at(2).tokens.at(0) == simulated_engine::expected(ask(100, 4, 500), 0));
}

}  // namespace
}  // namespace troupe::test
