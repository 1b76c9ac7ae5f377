#pragma once

#include <cstdint>

namespace troupe::cli {

/// Lines for people, or an object of JSON a line for programs.
enum class log_format : std::uint8_t { text, json };

}  // namespace troupe::cli
