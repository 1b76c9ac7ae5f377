#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/generation.hpp"

namespace troupe::gateway {

/// How a completion went, for the log and for traces. A moment that never came is none.
struct answer_report {
  using time = std::chrono::steady_clock::time_point;

  std::string key;  ///< whose it was; empty: anybody's
  std::uint64_t prompt_tokens = 0;
  std::uint64_t answer_tokens = 0;
  std::uint64_t cached_tokens = 0;
  std::vector<finish_reason> endings;  ///< of the choices that ended
  double prefill_seconds = 0;          ///< of the prompt that took longest
  std::optional<time> submitted;       ///< understood, and waiting to run from here on
  std::optional<time> first_token;
  std::optional<time> drawn;  ///< the last token
};

}  // namespace troupe::gateway
