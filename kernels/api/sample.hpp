#pragma once

#include <cstdint>

namespace troupe::kernels {

inline constexpr std::uint32_t max_top_logprobs = 20;

struct token_bias {
  std::int32_t token = 0;
  float bias = 0;
};

/// How one row's next token is drawn. A plain value: the draw is a function of the logits and of
/// this.
///
/// Order: logit_bias, allowed mask, repetition penalty (tokens of prompt and output), presence and
/// frequency penalties (tokens of the output), temperature, top_k, top_p, min_p, draw.
struct sample_row {
  float temperature = 1.0F;  ///< 0 means greedy: the largest logit, ties to the lower token
  float top_p = 1.0F;
  float min_p = 0.0F;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  float repetition_penalty = 1.0F;
  std::uint32_t top_k = 0;  ///< 0 means all
  std::uint32_t top_logprobs = 0;
  bool want_logprob = false;
  std::uint64_t seed = 0;
  std::uint32_t choice = 0;
  std::uint32_t position =
      0;  ///< position of the token being drawn; with seed and choice it keys the generator
  const std::int32_t* history = nullptr;  ///< prompt then output; read only when a penalty is on
  std::uint32_t history_length = 0;
  std::uint32_t prompt_length = 0;
  const token_bias* bias = nullptr;
  std::uint32_t bias_count = 0;
  /// Bit t of word t / 32 set means token t may be drawn; null means all may.
  const std::uint32_t* allowed = nullptr;
  /// Tokens that may not be drawn (ignore_eos, min_tokens).
  const std::int32_t* banned = nullptr;
  std::uint32_t banned_count = 0;
};

/// What was drawn. Log-probabilities are of the model's own distribution (log-softmax of the logits
/// as they came, before bias, penalties and temperature), in natural logarithm.
struct sample_result {
  std::int32_t token = -1;
  float logprob = 0;
  std::int32_t top_tokens[max_top_logprobs] = {};
  float top_logprobs[max_top_logprobs] = {};
};

/// results[r] is drawn from logits[r, 0 .. vocab) as rows[r] says. `logits` may be overwritten.
struct sample_params {
  float* logits = nullptr;
  const sample_row* rows = nullptr;
  sample_result* results = nullptr;
  std::uint32_t count = 0;
  std::uint32_t vocab = 0;
};

/// Scores known tokens (prompt log-likelihood, echo): results[r] gets token targets[r], its
/// log-softmax over logits[r], and the `top[r]` most likely tokens (at most max_top_logprobs) as
/// sampling gives them. A null `top` means none.
struct score_params {
  const float* logits = nullptr;
  const std::int32_t* targets = nullptr;
  const std::uint32_t* top = nullptr;
  sample_result* results = nullptr;
  std::uint32_t count = 0;
  std::uint32_t vocab = 0;
};

}  // namespace troupe::kernels
