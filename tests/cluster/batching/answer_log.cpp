#include "tests/cluster/batching/answer_log.hpp"

#include <doctest/doctest.h>

#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {

void answer_log::take(std::span<const request_news> news) {
  for (const request_news& n : news) {
    const auto known = all.find(n.request);
    REQUIRE(known != all.end());  // no news of a cancelled request
    answer& a = known->second;
    REQUIRE_FALSE(a.summary.has_value());
    if (!n.prompt_scores.empty()) {
      REQUIRE(a.scores.empty());
      REQUIRE(a.tokens.empty());
      a.scores = n.prompt_scores;
    }
    for (const token_event& e : n.tokens) {
      REQUIRE_FALSE(a.ends.contains(e.choice));
      if (e.token >= 0) {
        REQUIRE(e.index == a.tokens[e.choice].size());
        a.tokens[e.choice].push_back(e.token);
      }
      if (e.finish != finish_reason::none) a.ends[e.choice] = e.finish;
    }
    a.summary = n.summary;
  }
}

void answer_log::require_whole(request_id id, const generation_request& asked) const {
  const answer& a = all.at(id);
  REQUIRE(a.summary.has_value());
  REQUIRE(a.ends.size() == asked.choices);
  std::size_t drawn = 0;
  for (std::uint32_t c = 0; c < asked.choices && asked.max_tokens > 0; ++c) {
    REQUIRE(a.tokens.at(c) == simulated_engine::expected(asked, c));
    drawn += a.tokens.at(c).size();
  }
  REQUIRE(a.summary->completion_tokens == drawn);
  if (!asked.prompt_logprobs) return;
  REQUIRE(a.scores.size() == asked.prompt.size() - 1);
  for (std::size_t i = 0; i < a.scores.size(); ++i)
    REQUIRE(a.scores[i].logprob == static_cast<float>(asked.prompt[i + 1]));
}

}  // namespace troupe::test
