#include "runtime/sampling/forcing.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

using tokens = std::vector<token_id>;

constexpr token_id begin = 90;
constexpr token_id end = 91;

/// What a choice draws when the model would always draw `own`.
tokens draw(const forcing_rule& rule, std::size_t count, tokens drawn, token_id own) {
  while (drawn.size() < count) drawn.push_back(forced_token(rule, drawn).value_or(own));
  return drawn;
}

TEST_CASE("a rule without tokens forces nothing") {
  CHECK_FALSE(forced_token({}, {}));
  CHECK_FALSE(forced_token({}, tokens{1, 2, 3}));
}

TEST_CASE("tokens are forced one after another behind the budget, and only there") {
  const forcing_rule rule{-1, end, 3, {10, end, 11}};
  CHECK(draw(rule, 9, {}, 5) == tokens{5, 5, 5, 10, end, 11, 5, 5, 5});
  // The model's own choice of the same tokens is not told from a forced one.
  CHECK(draw(rule, 7, {5, 5, 5, 10, end}, 5) == tokens{5, 5, 5, 10, end, 11, 5});
}

TEST_CASE("whoever has drawn the closing token within the budget goes free") {
  const forcing_rule rule{-1, end, 3, {10, end, 11}};
  for (const tokens& closed : {tokens{end}, tokens{5, end}, tokens{5, 5, end}})
    CHECK(draw(rule, 8, closed, 6) == draw({}, 8, closed, 6));
  CHECK(draw(rule, 7, {5, 5, 5}, end) == tokens{5, 5, 5, 10, end, 11, end});
}

TEST_CASE("the count begins behind the opening token, where the answer begins with it") {
  const forcing_rule rule{begin, end, 2, {end, 11}};
  CHECK(draw(rule, 7, {begin}, 5) == tokens{begin, 5, 5, end, 11, 5, 5});
  CHECK(draw(rule, 7, {}, 5) == tokens(7, 5));
  CHECK(draw(rule, 7, {5, begin}, 5) == tokens{5, begin, 5, 5, 5, 5, 5});
}

TEST_CASE("a budget of none forces at once") {
  CHECK(draw({-1, end, 0, {end, 11}}, 4, {}, 5) == tokens{end, 11, 5, 5});
  CHECK(draw({begin, end, 0, {end, 11}}, 4, {begin}, 5) == tokens{begin, end, 11, 5});
}

TEST_CASE("a certain token is drawn greedily, without penalties, and scored as asked") {
  sampling_params asked;
  asked.temperature = 1.5F;
  asked.repetition_penalty = 1.3F;
  asked.logit_bias = {{3, -100.0F}};
  asked.seed = 42;
  asked.logprobs = true;
  asked.top_logprobs = 4;
  const sampling_params p = draw_only(3, asked);
  CHECK(p.temperature == 0);
  CHECK(p.repetition_penalty == 1);
  CHECK(p.logit_bias == std::vector<std::pair<token_id, float>>{{3, certain_bias}});
  CHECK(p.logprobs);
  CHECK(p.top_logprobs == 4);
}

}  // namespace
}  // namespace troupe
