#include "runtime/sampling/sample_row.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

TEST_CASE("only penalties need the history") {
  sampling_params p;
  p.temperature = 0.3F;
  p.logit_bias = {{1, 2.0F}};
  CHECK_FALSE(needs_history(p));
  p.presence_penalty = -0.1F;
  CHECK(needs_history(p));
  p = {};
  p.frequency_penalty = 0.1F;
  CHECK(needs_history(p));
  p = {};
  p.repetition_penalty = 1.1F;
  CHECK(needs_history(p));
}

TEST_CASE("a row carries every parameter to the sampler") {
  sampling_params p;
  p.temperature = 0.5F;
  p.top_p = 0.9F;
  p.min_p = 0.1F;
  p.top_k = 7;
  p.presence_penalty = 1;
  p.frequency_penalty = 2;
  p.repetition_penalty = 3;
  p.seed = 1ULL << 40U;
  p.logit_bias = {{5, -1.5F}};
  p.logprobs = true;
  p.top_logprobs = 50;
  const std::vector<token_id> history{1, 2, 3};
  const std::vector<token_id> banned{9};
  const auto bias = make_bias(p);
  const kernels::sample_row row = make_row(p, 2, 3, history, 1, bias, banned);
  CHECK(row.temperature == 0.5F);
  CHECK(row.top_p == 0.9F);
  CHECK(row.min_p == 0.1F);
  CHECK(row.top_k == 7);
  CHECK(row.presence_penalty == 1);
  CHECK(row.frequency_penalty == 2);
  CHECK(row.repetition_penalty == 3);
  CHECK(row.seed == 1ULL << 40U);
  CHECK(row.choice == 2);
  CHECK(row.position == 3);
  CHECK(row.history == history.data());
  CHECK(row.history_length == 3);
  CHECK(row.prompt_length == 1);
  CHECK(row.bias_count == 1);
  CHECK(row.bias[0].token == 5);
  CHECK(row.bias[0].bias == -1.5F);
  CHECK(row.banned == banned.data());
  CHECK(row.banned_count == 1);
  CHECK(row.want_logprob);
  CHECK(row.top_logprobs == kernels::max_top_logprobs);
}

}  // namespace
}  // namespace troupe
