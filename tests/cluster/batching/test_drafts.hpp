#pragma once

#include <random>

#include "cluster/batching/speculation/draft_source.hpp"
#include "tests/cluster/batching/simulated_engine.hpp"

namespace troupe::test {

/// Guesses what the simulated engine will draw for choice 0, wrong at every `wrong_every`th token
/// of a guess (never where 0; 1: always).
class oracle_drafts final : public draft_source {
 public:
  explicit oracle_drafts(std::uint32_t wrong_every = 0) : wrong_every_(wrong_every) {}
  void follow(sequence_id id, std::span<const token_id> tokens) override;
  draft_guess propose(sequence_id id, std::span<const token_id> tokens,
                      std::uint32_t most) override;
  void forget(sequence_id id) override { (void)id; }

 private:
  std::uint32_t wrong_every_;
};

/// Guesses of any length and strength, right by chance.
class wild_drafts final : public draft_source {
 public:
  explicit wild_drafts(std::uint32_t seed) : random_(seed) {}
  void follow(sequence_id id, std::span<const token_id> tokens) override;
  draft_guess propose(sequence_id id, std::span<const token_id> tokens,
                      std::uint32_t most) override;
  void forget(sequence_id id) override { (void)id; }

 private:
  std::mt19937 random_;
};

}  // namespace troupe::test
