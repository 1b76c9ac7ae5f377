#pragma once

#include <cstdint>

#include "runtime/base/token.hpp"
#include "runtime/sampling/forcing.hpp"

namespace troupe::test {

/// Stands for a model in simulations: it reads all tokens before a place, as attention does, and
/// nothing else. A chain of hashes tells texts apart and grows by a token at a time.
using text_chain = std::uint64_t;

inline constexpr text_chain no_text = 1469598103934665603ULL;

inline text_chain append(text_chain text, token_id next) {
  return (text ^ static_cast<std::uint32_t>(next)) * 1099511628211ULL;
}

/// The token that choice `choice` draws after a text.
inline token_id draw_after(text_chain text, std::uint32_t choice) {
  std::uint64_t h = text + choice * 0x9E3779B97F4A7C15ULL;
  h = (h ^ (h >> 31U)) * 0xFF51AFD7ED558CCDULL;
  return static_cast<token_id>((h ^ (h >> 32U)) % 50);
}

/// The same where the sampling parameters leave it a choice.
inline token_id draw_after(text_chain text, std::uint32_t choice, const sampling_params& params) {
  for (const auto& [token, bias] : params.logit_bias)
    if (bias >= certain_bias) return token;
  return draw_after(text, choice);
}

}  // namespace troupe::test
