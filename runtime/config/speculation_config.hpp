#pragma once

#include <cstdint>
#include <string>

namespace troupe {

/// Where tokens are guessed from ahead of their drawing. Guesses change speed, never an answer.
enum class speculation_mode : std::uint8_t {
  off,
  ngram,  ///< from what followed earlier in the same prompt and answer
  model,  ///< by a small model of the same vocabulary
};

struct speculation_config {
  speculation_mode mode = speculation_mode::off;
  std::string draft_model;      ///< the small model's path, for mode `model`
  std::uint32_t max_draft = 8;  ///< most tokens guessed of one sequence in a step
  std::uint32_t rows = 32;      ///< most rows of a step that decode, guessed ones included
};

}  // namespace troupe
