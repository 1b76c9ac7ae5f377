#include <doctest/doctest.h>

#include <random>
#include <span>

#include "runtime/sampling/token_guide.hpp"
#include "tests/cluster/batching/hand_driven.hpp"
#include "tests/runtime/sampling/vocabulary.hpp"

namespace troupe::test {
namespace {

using tokens = std::vector<token_id>;

const std::string format = R"({"type":"regex","pattern":"([a-z]{1,3} ){2,40}"})";

batch_limits small() {
  batch_limits l;
  l.step_rows = 32;
  l.prefill_chunk = 8;
  l.max_sequences = 4;
  l.max_waiting = 16;
  l.page_size = 4;
  l.pages = 64;
  l.context = 128;
  return l;
}

generation_request held_request(std::uint32_t length) {
  generation_request r = counting_request(6, length);
  r.guide = {tag_of(format), -1, -1};
  r.stop_tokens = {tiny_end};
  return r;
}

result<void> add(hand_driven& batch, request_id id, generation_request asked) {
  batch.answers.all[id];
  return batch.scheduler.add(id, std::make_shared<const generation_request>(std::move(asked)), {},
                             compiled(format));
}

/// What a guide that has seen nothing yet says of these tokens.
std::vector<std::uint32_t> expected(const tokens& drawn) {
  std::vector<std::uint32_t> row(token_masks::words_for(tiny_vocab));
  const std::span<std::uint32_t> rows[] = {row};
  token_guide(compiled(format), {tag_of(format), -1, -1}).fill(drawn, {}, 0, rows);
  return row;
}

token_id draw(std::span<const std::uint32_t> row, std::mt19937& random) {
  tokens may;
  for (std::uint32_t t = 0; t < tiny_vocab; ++t)
    if ((row[t / 32] >> t % 32 & 1U) != 0) may.push_back(static_cast<token_id>(t));
  REQUIRE_FALSE(may.empty());
  return may[random() % may.size()];
}

TEST_CASE("a step says which tokens may be drawn, through failures too") {
  hand_driven batch(small());
  REQUIRE(add(batch, 1, held_request(40)));
  REQUIRE(batch.add(2, counting_request(3, 60)));
  std::mt19937 random(5);
  epoch_number epoch = 1;
  for (int step = 0; step < 50; ++step) {
    const auto plan = batch.next_step();
    if (plan == nullptr) break;
    batch.scheduler.fill_masks(*plan);
    step_result r;
    r.id = plan->id;
    r.epoch = plan->epoch;
    for (const sample_point& point : plan->samples) {
      if (point.mask == no_mask) {
        r.samples.push_back({7, {}});
        continue;
      }
      const auto row = plan->masks->row(point.mask);
      REQUIRE(plan->masks->published());
      const auto wanted = expected(batch.answers.all[1].tokens[0]);
      CHECK(std::vector<std::uint32_t>(row.begin(), row.end()) == wanted);
      r.samples.push_back({draw(row, random), {}});
    }
    if (step % 9 == 8) {
      // The step is lost: it is computed again, and what may be drawn is the same.
      REQUIRE(batch.scheduler.begin_epoch(++epoch, std::nullopt).empty());
      continue;
    }
    batch.answers.take(batch.scheduler.on_step(r, {}));
  }
  const tokens& drawn = batch.answers.all[1].tokens[0];
  CHECK(drawn.size() > 10);
}

TEST_CASE("a request that goes on from what was drawn is held as if it had drawn it itself") {
  hand_driven batch(small());
  generation_request asked = held_request(40);
  auto before = std::make_shared<answer_progress>();
  const tokens drawn = tiny_tokenizer()->encode("ab cde ");
  for (std::uint32_t i = 0; i < drawn.size(); ++i) {
    token_event e;
    e.index = i;
    e.token = drawn[i];
    before->events.push_back(e);
  }
  asked.resumes = before;
  REQUIRE(add(batch, 1, asked));
  auto plan = batch.next_step();
  while (plan != nullptr && plan->samples.empty()) {
    batch.finish(plan);
    plan = batch.next_step();
  }
  REQUIRE(plan != nullptr);
  batch.scheduler.fill_masks(*plan);
  const auto row = plan->masks->row(plan->samples.front().mask);
  CHECK(std::vector<std::uint32_t>(row.begin(), row.end()) == expected(drawn));
}

TEST_CASE("a guide without its structure is refused, and a step without guides has no masks") {
  hand_driven batch(small());
  CHECK(batch.add(1, held_request(4)).error().code() == errc::invalid_argument);
  REQUIRE(batch.add(2, counting_request(3, 4)));
  CHECK(batch.next_step()->masks == nullptr);
}

}  // namespace
}  // namespace troupe::test
