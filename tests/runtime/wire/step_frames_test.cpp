#include "runtime/wire/step_frames.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"
#include "tests/runtime/wire/random_frames.hpp"

namespace troupe {
namespace {

constexpr step_bounds bounds{test::plan_rows, 200'000, test::plan_vocab};

/// A plan of one run with two rows, a sample and a score.
step_plan small_plan() {
  step_plan plan{7, 3, {{11, 4, {1, 2}}}, {}, {}};
  sample_point point;
  point.offset = 1;
  point.params = std::make_shared<const sampling_params>();
  point.history = std::make_shared<const std::vector<token_id>>(std::vector<token_id>{5, 6, 7});
  point.history_length = 3;
  plan.samples.push_back(point);
  plan.scores.push_back({0, 0, 9, 5});
  return plan;
}

error refusal(const step_plan& plan, const step_bounds& allowed = bounds) {
  const auto decoded = decode_step(encode_step(plan), allowed);
  REQUIRE_FALSE(decoded);
  return decoded.error();
}

std::shared_ptr<const sampling_params> params_at(float temperature) {
  sampling_params p;
  p.temperature = temperature;
  return std::make_shared<const sampling_params>(p);
}

TEST_CASE("a plan comes out as it went in, sharing what it shared") {
  test::generator random(1);
  for (int round = 0; round < 300; ++round) {
    const auto plan = test::random_plan(random);
    const std::vector<std::byte> header = encode_step(*plan);
    CHECK(epoch_of(header).value() == plan->epoch);
    const auto decoded = decode_step(header, bounds);
    REQUIRE_MESSAGE(decoded, decoded.error().message());
    CHECK(test::same(**decoded, *plan));
    CHECK(encode_step(**decoded) == header);
  }
}

TEST_CASE("what samples share is written once") {
  step_plan plan = small_plan();
  const std::vector<token_id> history(10'000, 1);
  plan.samples[0].history = std::make_shared<const std::vector<token_id>>(history);
  plan.samples[0].history_length = 10'000;
  const std::size_t alone = encode_step(plan).size();
  plan.samples.push_back(plan.samples[0]);
  plan.samples[1].offset = 0;
  CHECK(encode_step(plan).size() - alone < 100);
  const auto decoded = decode_step(encode_step(plan), bounds).value();
  CHECK(decoded->samples[0].history == decoded->samples[1].history);
  CHECK(decoded->samples[0].params == decoded->samples[1].params);
}

TEST_CASE("a plan with thousands of different parameters and histories keeps each apart") {
  step_plan plan{1, 1, {{5, 0, std::vector<token_id>(4000, 1)}}, {}, {}};
  for (std::uint32_t i = 0; i < 4000; ++i) {
    sample_point point;
    point.offset = i;
    point.params = params_at(static_cast<float>(i));
    point.history =
        std::make_shared<const std::vector<token_id>>(1, static_cast<token_id>(i % 1000));
    plan.samples.push_back(point);
  }
  const auto decoded = decode_step(encode_step(plan));
  REQUIRE(decoded);
  CHECK(test::same(**decoded, plan));
}

TEST_CASE("a plan that would harm whoever computes it is refused, and says why") {
  CHECK(decode_step(encode_step(small_plan()), bounds));
  step_plan plan = small_plan();

  SUBCASE("a token that the model lacks") {
    plan.runs[0].tokens[1] = 1000;
    CHECK(refusal(plan) == error(errc::out_of_range, "step: token 1000 of 1000"));
    plan.runs[0].tokens[1] = -1;
    CHECK(refusal(plan).message() == "step: token -1 of 1000");
  }
  SUBCASE("more rows than a step may have, in one run or in all") {
    plan.runs[0].tokens.assign(65, 1);
    CHECK(refusal(plan).message() == "step: tokens: 65 of them, at most 64 may be");
    plan.runs[0].tokens.assign(60, 1);
    plan.runs.push_back({12, 0, {1, 1, 1, 1, 1}});
    CHECK(refusal(plan).message() == "step: tokens: 5 of them, at most 4 may be");
  }
  SUBCASE("a run without rows") {
    plan.runs[0].tokens.clear();
    CHECK(refusal(plan) == error(errc::corrupt, "step: sequence 11: no tokens"));
  }
  SUBCASE("positions past the context, and past 32 bits") {
    plan.runs[0].first = 199'999;
    CHECK(refusal(plan).message() == "step: sequence 11: 2 positions from 199999, 200000 may be");
    plan.runs[0].first = 0xffffffff;
    CHECK(refusal(plan).code() == errc::out_of_range);
  }
  SUBCASE("points of rows that are not there") {
    plan.samples[0].offset = 2;
    CHECK(refusal(plan).message() == "step: sample: row 2 of run 0, which has 2");
    plan.samples[0].run = 1;
    CHECK(refusal(plan).message() == "step: sample: run 1 of 1");
    plan.samples.clear();
    plan.scores[0].offset = 2;
    CHECK(refusal(plan).message() == "step: score: row 2 of run 0, which has 2");
  }
  SUBCASE("more of a history than there is") {
    plan.samples[0].history_length = 4;
    CHECK(refusal(plan).message() == "step: sample: 4 tokens of a history of 3");
  }
  SUBCASE("a score's target and alternatives") {
    plan.scores[0].top = 21;
    CHECK(refusal(plan).message() == "step: score: 21 alternatives, at most 20 may be");
    plan.scores[0].target = 1000;
    CHECK(refusal(plan).message() == "step: target 1000 of 1000");
  }
  SUBCASE("numbers that are none") {
    plan.samples[0].params = params_at(std::numeric_limits<float>::infinity());
    CHECK(refusal(plan) == error(errc::corrupt, "step: temperature: inf"));
    plan.samples[0].params = params_at(std::numeric_limits<float>::quiet_NaN());
    CHECK(refusal(plan).message() == "step: temperature: nan");
  }
  SUBCASE("parameters that are not in the list") {
    std::vector<std::byte> header = encode_step(plan);
    // The last sample's fields follow one another; the score, its count, that of masks and whether
    // they are there end the header.
    const std::size_t params = header.size() - 5 - 4 * 4 - 4 - 5 * 4;
    header[params] = std::byte{1};
    const auto decoded = decode_step(header, bounds);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().message() == "step: sample: parameters 1 of 1");
  }
}

TEST_CASE("cut, flipped or boastful steps never do harm") {
  test::generator random(2);
  for (int round = 0; round < 8; ++round) {
    test::mistreat(
        encode_step(*test::random_plan(random)), random,
        [](const std::shared_ptr<const step_plan>& plan) { return encode_step(*plan); },
        [](const std::vector<std::byte>& header) { return decode_step(header, bounds); });
  }
}

TEST_CASE("masks that follow a step come out as they went in") {
  const auto masks = std::make_shared<token_masks>(3, test::plan_vocab);
  for (std::uint32_t row = 0; row < 3; ++row) masks->write(row)[row] = 0x80000001U + row;
  masks->publish();
  const std::vector<std::byte> header = encode_step_masks({7, 11, masks});
  CHECK(epoch_of(header).value() == 7);
  const auto decoded = decode_step_masks(header, bounds);
  REQUIRE_MESSAGE(decoded, decoded.error().message());
  CHECK(decoded->epoch == 7);
  CHECK(decoded->step == 11);
  CHECK(decoded->masks->published());
  CHECK(encode_step_masks(*decoded) == header);

  step_plan plan = small_plan();
  plan.samples[0].mask = 0;
  plan.masks = std::make_shared<token_masks>(1, test::plan_vocab);
  const auto without = decode_step(encode_step(plan), bounds).value();
  REQUIRE(without->masks != nullptr);
  CHECK_FALSE(without->masks->published());
  CHECK(without->masks->rows() == 1);
  // Space for masks is made before they come, so a step may not ask for more than it draws.
  plan.masks = std::make_shared<token_masks>(2, test::plan_vocab);
  CHECK(refusal(plan).message() == "step: 2 masks of 1 samples");
}

TEST_CASE("cut, flipped or boastful masks never do harm") {
  test::generator random(5);
  const auto masks = std::make_shared<token_masks>(2, test::plan_vocab);
  masks->publish();
  test::mistreat(encode_step_masks({7, 11, masks}), random, encode_step_masks,
                 [](const std::vector<std::byte>& h) { return decode_step_masks(h, bounds); });
  const auto why = [](std::uint32_t vocab) {
    const auto few = std::make_shared<token_masks>(1, vocab);
    few->publish();
    return decode_step_masks(encode_step_masks({7, 11, few}), bounds).error().message();
  };
  CHECK(why(test::plan_vocab - 32) == "masks: 1 masks in 128 bytes");
  CHECK(why(test::plan_vocab + 32).starts_with("masks: mask: 33 of them"));
}

TEST_CASE("a result comes out bit by bit, NaN and infinity included") {
  test::generator random(3);
  for (int round = 0; round < 300; ++round) {
    const auto plan = test::random_plan(random);
    const step_result sent = test::random_result(random, *plan);
    const auto decoded = decode_step_result(encode_step_result(sent), bounds);
    REQUIRE_MESSAGE(decoded, decoded.error().message());
    CHECK(test::same(*decoded, sent));
    CHECK(answers(*decoded, *plan));
  }
}

TEST_CASE("a result that lacks an answer, or is of another step, does not answer a plan") {
  const step_plan plan = small_plan();
  step_result result{7, 3, {{1, {}}}, {{}}, 0.5};
  CHECK(answers(result, plan));
  result.samples.clear();
  CHECK_FALSE(answers(result, plan));
  result.samples.resize(1);
  result.scores.resize(2);
  CHECK_FALSE(answers(result, plan));
  result.scores.resize(1);
  result.epoch = 4;
  CHECK_FALSE(answers(result, plan));
  result.epoch = 3;
  result.id = 8;
  CHECK_FALSE(answers(result, plan));
}

TEST_CASE("a result's tokens, alternatives and time are checked") {
  const auto why = [](const step_result& result) {
    const auto decoded = decode_step_result(encode_step_result(result), bounds);
    REQUIRE_FALSE(decoded);
    return decoded.error().message();
  };
  CHECK(why({1, 1, {{1000, {}}}, {}, 0}) == "step result: token 1000 of 1000");
  CHECK(why({1, 1, {{-1, {}}}, {}, 0}) == "step result: token -1 of 1000");
  CHECK(why({1, 1, {}, {}, -1}) == "step result: device seconds: -1");
  CHECK(why({1, 1, {}, {}, std::nan("")}) == "step result: device seconds: nan");
  const token_logprob many{0, std::vector<std::pair<token_id, float>>(21)};
  CHECK(why({1, 1, {}, {many}, 0}) == "step result: alternatives: 21 of them, at most 20 may be");
}

TEST_CASE("cut, flipped or boastful results and failures never do harm") {
  test::generator random(4);
  for (int round = 0; round < 8; ++round) {
    const auto plan = test::random_plan(random);
    test::mistreat(
        encode_step_result(test::random_result(random, *plan)), random, encode_step_result,
        [](const std::vector<std::byte>& header) { return decode_step_result(header, bounds); });
  }
  test::mistreat(encode_step_failure({3, 9, error(errc::unavailable, "stage 2 is gone")}), random,
                 encode_step_failure,
                 [](const std::vector<std::byte>& header) { return decode_step_failure(header); });
}

TEST_CASE("a failure brings its code and one plain, bounded line") {
  const auto sent = failed_step{3, 9, error(errc::exhausted, "no pages\nleft\x1b[0m")};
  const auto decoded = decode_step_failure(encode_step_failure(sent));
  REQUIRE(decoded);
  CHECK(decoded->epoch == 3);
  CHECK(decoded->step == 9);
  CHECK(decoded->why == error(errc::exhausted, "no pages?left?[0m"));
  const auto longest = failed_step{1, 1, error(errc::internal, std::string(5000, 'x'))};
  CHECK(decode_step_failure(encode_step_failure(longest))->why.message().size() == 1000);
  for (std::uint8_t code = 1; code <= static_cast<std::uint8_t>(errc::internal); ++code) {
    const failed_step each{1, 1, error(static_cast<errc>(code), "x")};
    CHECK(decode_step_failure(encode_step_failure(each))->why == each.why);
  }
}

}  // namespace
}  // namespace troupe
