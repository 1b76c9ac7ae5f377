#pragma once

#include <cstdint>

namespace troupe {

/// What one process has taken of a key's limits of a minute, or given back (below 0).
struct key_taken {
  std::uint64_t key = 0;  ///< live_key::cache_space()
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  friend bool operator==(const key_taken&, const key_taken&) = default;
};

}  // namespace troupe
