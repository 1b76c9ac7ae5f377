#pragma once

#include <cstdint>

namespace troupe {

/// A vocabulary entry. Valid ids are 0 .. vocabulary size - 1.
using token_id = std::int32_t;

}  // namespace troupe
