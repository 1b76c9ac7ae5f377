#pragma once

#include <chrono>
#include <string>

#include "runtime/keys/rate_limiter.hpp"

namespace troupe {

/// As OpenAI's headers write durations: "6m0s", "1.5s", "20ms", "0s".
[[nodiscard]] std::string short_duration(std::chrono::duration<double> d);

/// One line for the client: which limit, what was asked, when to try again.
[[nodiscard]] std::string describe(const rate_refusal& refusal);

}  // namespace troupe
