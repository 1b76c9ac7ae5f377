#include "tests/cluster/batching/test_drafts.hpp"

namespace troupe::test {

void oracle_drafts::follow(sequence_id id, std::span<const token_id> tokens) {
  (void)id;
  (void)tokens;
}

draft_guess oracle_drafts::propose(sequence_id id, std::span<const token_id> tokens,
                                   std::uint32_t most) {
  (void)id;
  std::vector<token_id> text(tokens.begin(), tokens.end());
  draft_guess guess;
  for (std::uint32_t i = 1; i <= most; ++i) {
    text.push_back(simulated_engine::follow(text, 0));
    if (wrong_every_ > 0 && i % wrong_every_ == 0) text.back() += 1;
    guess.tokens.push_back(text.back());
  }
  return guess;
}

void wild_drafts::follow(sequence_id id, std::span<const token_id> tokens) {
  (void)id;
  (void)tokens;
}

draft_guess wild_drafts::propose(sequence_id id, std::span<const token_id> tokens,
                                 std::uint32_t most) {
  (void)id;
  std::vector<token_id> text(tokens.begin(), tokens.end());
  draft_guess guess;
  guess.strength = random_() % draft_guess::strengths;
  const std::size_t length = random_() % (most + 1);
  while (guess.tokens.size() < length) {
    const bool right = random_() % 4 != 0;
    text.push_back(right ? simulated_engine::follow(text, 0)
                         : static_cast<token_id>(random_() % 50));
    guess.tokens.push_back(text.back());
  }
  return guess;
}

}  // namespace troupe::test
