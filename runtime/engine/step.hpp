#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/api/generation.hpp"
#include "runtime/base/token.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/sampling/params.hpp"
#include "runtime/sampling/token_masks.hpp"

namespace troupe {

using step_id = std::uint64_t;
using epoch_number = std::uint64_t;

/// Consecutive positions of one sequence that a step computes: one row each. The last tokens may be
/// guesses: what is drawn after them counts only if they turn out right.
struct sequence_run {
  sequence_id sequence = 0;
  std::uint32_t first = 0;  ///< position of tokens[0]
  std::vector<token_id> tokens;
};

/// The mask of a point at which every token may be drawn.
inline constexpr std::uint32_t no_mask = 0xffffffff;

/// A row whose next token is to be drawn.
struct sample_point {
  std::uint32_t run = 0;     ///< index into step_plan::runs
  std::uint32_t offset = 0;  ///< row within the run
  std::uint32_t choice = 0;
  std::uint32_t prompt_length = 0;
  std::shared_ptr<const sampling_params> params;
  /// Prompt and output, shared by the rows of a run; null where no penalty reads it. Of it the
  /// first `history_length` tokens come before the one to draw.
  std::shared_ptr<const std::vector<token_id>> history;
  std::uint32_t history_length = 0;
  std::vector<token_id> banned;  ///< tokens that may not be drawn here
  std::uint32_t mask = no_mask;  ///< row of the step's masks: tokens that may be drawn
};

/// A row whose log-probability of a known next token is asked for.
struct score_point {
  std::uint32_t run = 0;
  std::uint32_t offset = 0;
  token_id target = 0;
  std::uint32_t top = 0;  ///< most likely tokens to list beside it
};

/// Everything one step computes. A value: it can be replayed, and names no memory of any device.
struct step_plan {
  step_id id = 0;
  epoch_number epoch = 0;
  std::vector<sequence_run> runs;
  std::vector<sample_point> samples;
  std::vector<score_point> scores;
  /// Of the points that have one; null where none has. Written while the step is under way.
  std::shared_ptr<token_masks> masks{};

  [[nodiscard]] std::uint32_t rows() const {
    std::size_t n = 0;
    for (const sequence_run& r : runs) n += r.tokens.size();
    return static_cast<std::uint32_t>(n);
  }
};

struct sampled_token {
  token_id token = -1;
  token_logprob logprob;
};

/// What came of a step: `samples` and `scores` are in the plan's order.
struct step_result {
  step_id id = 0;
  epoch_number epoch = 0;
  std::vector<sampled_token> samples;
  std::vector<token_logprob> scores;
  double device_seconds = 0;
};

}  // namespace troupe
