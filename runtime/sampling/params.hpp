#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/token.hpp"

namespace troupe {

/// How a request wants its tokens drawn; ranges are checked where a request is parsed.
/// kernels/api/sample.hpp says in which order these apply.
struct sampling_params {
  float temperature = 1.0F;
  float top_p = 1.0F;
  float min_p = 0.0F;
  std::uint32_t top_k = 0;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  float repetition_penalty = 1.0F;
  std::uint64_t seed = 0;  ///< always set: a request without one gets a random one at the gateway
  std::vector<std::pair<token_id, float>> logit_bias;
  bool logprobs = false;
  std::uint32_t top_logprobs = 0;

  friend bool operator==(const sampling_params&, const sampling_params&) = default;
};

}  // namespace troupe
