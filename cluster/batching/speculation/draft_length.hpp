#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace troupe {

/// A sequence that decodes in the next step, as the choice of draft lengths sees it.
struct draft_candidate {
  double rate = 0;         ///< chance that a guessed token is right when those before it were
  std::uint32_t most = 0;  ///< tokens guessed
};

/// How many guessed tokens of each candidate to put in a step, so that it brings the most tokens a
/// second: every candidate has one row anyway, guessed rows are added in the order of their chances
/// while the expected tokens grow faster than the step's cost. A long guess is thus computed where
/// rows are cheap and guesses good; none in a batch whose rows already cost what they weigh.
/// `seconds(rows)` is the cost of a step; at most `rows` rows are used in all.
[[nodiscard]] std::vector<std::uint32_t> choose_draft_lengths(
    std::span<const draft_candidate> candidates, std::uint32_t rows,
    const std::function<double(std::uint32_t)>& seconds);

}  // namespace troupe
