#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/message_markup.hpp"
#include "runtime/base/token.hpp"
#include "runtime/sampling/params.hpp"

namespace troupe {

/// Bounds on what one HTTP request may ask.
struct api_limits {
  std::size_t body_bytes = 16U << 20U;
  std::size_t depth = 64;  ///< nesting of the JSON body
  std::size_t prompts = 128;
  std::size_t messages = 16384;
  std::uint32_t choices = 16;
  std::size_t stops = 16;        ///< stop strings, and as many stop tokens
  std::size_t stop_bytes = 256;  ///< of one stop string: as much text may be held back
  std::size_t logit_bias = 1024;
};

/// What both completion endpoints take, checked, with the model's and OpenAI's defaults filled in.
struct request_options {
  sampling_params sampling;
  bool seed_given = false;  ///< otherwise sampling.seed is still to be drawn
  std::uint32_t choices = 1;
  std::optional<std::uint32_t> max_tokens;  ///< absent: as many as the context has room for
  std::uint32_t min_tokens = 0;
  std::vector<std::string> stop;
  std::vector<token_id> stop_tokens;
  bool include_stop = false;  ///< the stop string stays in the text
  bool ignore_eos = false;
  bool skip_special_tokens = true;
  bool stream = false;
  bool include_usage = false;
  bool return_token_ids = false;
  bool score_end = false;  ///< a token that ends its choice unseen is among the scores
  /// What of the text is told apart from the content: thoughts where the model has them, calls
  /// where the request brought tools.
  message_markup markup;
  bool one_call = false;                         ///< the answer ends with its first tool call
  std::optional<std::uint32_t> thinking_budget;  ///< most tokens of a thought; absent: any number
  /// A structural tag's format, as JSON text, that the answer is held to; empty: it is free. The
  /// parameter that asked for it is named in refusals.
  std::string structure;
  std::string structure_param;
  bool include_reasoning = true;  ///< thoughts are told, not only left out of the content
};

}  // namespace troupe
