#include "cluster/batching/speculation/draft_length.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "cluster/batching/speculation/acceptance.hpp"
#include "cluster/batching/speculation/step_cost.hpp"

namespace troupe::test {
namespace {

using lengths = std::vector<std::uint32_t>;

/// Seconds of a step: a fixed part, and a part for each row.
auto line(double fixed, double each) {
  return [=](std::uint32_t rows) { return fixed + each * rows; };
}

TEST_CASE("where rows cost nothing more, guesses are computed as far as they go") {
  const std::vector<draft_candidate> one{{0.3, 6}};
  CHECK(choose_draft_lengths(one, 32, line(1, 0)) == lengths{6});
  CHECK(choose_draft_lengths(one, 4, line(1, 0)) == lengths{3});
  CHECK(choose_draft_lengths(one, 1, line(1, 0)) == lengths{0});
  CHECK(choose_draft_lengths({}, 8, line(1, 0)).empty());
}

TEST_CASE("better guesses are computed further, and hopeless ones not at all") {
  const auto cost = line(1, 0.1);
  const auto length_at = [&](double rate) {
    return choose_draft_lengths(std::vector<draft_candidate>{{rate, 8}}, 32, cost).front();
  };
  CHECK(length_at(0) == 0);
  CHECK(length_at(0.05) == 0);
  CHECK(length_at(0.5) > 0);
  CHECK(length_at(0.5) < 8);
  CHECK(length_at(0.95) == 8);
}

TEST_CASE("a batch whose rows cost what they weigh computes no guess") {
  const std::vector<draft_candidate> many(24, {0.8, 8});
  CHECK(choose_draft_lengths(many, 64, line(0, 1)) == lengths(24, 0));
  const auto few_pay = choose_draft_lengths(many, 64, line(8, 1));
  const std::vector<draft_candidate> alone{{0.8, 8}};
  const auto alone_pays = choose_draft_lengths(alone, 64, line(8, 1));
  CHECK(alone_pays.front() > few_pay.front());
}

TEST_CASE("rows that do not pay alone are computed where more of them do") {
  // Rows go in fours: the second costs as much as the next three together.
  const auto stairs = [](std::uint32_t rows) { return rows == 1 ? 1.0 : 1.0 + (rows + 2) / 4; };
  const std::vector<draft_candidate> sure{{0.99, 4}};
  CHECK(choose_draft_lengths(sure, 32, stairs) == lengths{4});
}

TEST_CASE("rows go to the sequence whose guesses are better") {
  const std::vector<draft_candidate> two{{0.9, 8}, {0.4, 8}, {0, 8}};
  const auto chosen = choose_draft_lengths(two, 32, line(1, 0.15));
  CHECK(chosen[0] > chosen[1]);
  CHECK(chosen[2] == 0);
}

TEST_CASE("acceptance grows with right guesses, falls with wrong ones and recovers") {
  acceptance a;
  CHECK(a.rate(0.25) == doctest::Approx(0.25));
  for (int i = 0; i < 10; ++i) a.observe(4, false);
  CHECK(a.rate(0.5) > 0.95);
  for (int i = 0; i < 30; ++i) a.observe(0, true);
  CHECK(a.rate(0.5) < 0.1);
  for (int i = 0; i < 10; ++i) a.observe(3, false);
  CHECK(a.rate(0.5) > 0.8);
}

TEST_CASE("the cost of a step is the line through what steps took") {
  step_cost cost;
  CHECK(cost.seconds(2) > cost.seconds(1));
  for (std::uint32_t i = 0; i < 60; ++i) cost.observe(1 + i % 8, 0.003 + 0.0005 * (1 + i % 8));
  CHECK(cost.seconds(1) == doctest::Approx(0.0035).epsilon(0.02));
  CHECK(cost.seconds(20) == doctest::Approx(0.013).epsilon(0.02));
}

TEST_CASE("a cost seen at one number of rows only is guessed elsewhere, and never negative") {
  step_cost cost;
  for (int i = 0; i < 400; ++i) cost.observe(1, 0.01);
  CHECK(cost.seconds(1) == doctest::Approx(0.01));
  CHECK(cost.seconds(4) > cost.seconds(1));
  CHECK(cost.seconds(4) < 2 * cost.seconds(1));
  for (int i = 0; i < 400; ++i) cost.observe(1 + i % 2, 0.01 - 0.009 * (i % 2));
  CHECK(cost.seconds(64) > 0);
  CHECK(cost.seconds(64) >= cost.seconds(1));
}

}  // namespace
}  // namespace troupe::test
