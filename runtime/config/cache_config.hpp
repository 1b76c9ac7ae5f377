#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace troupe {

/// Where a process keeps pages besides its device.
struct tier_config {
  std::size_t host_bytes = 0;  ///< of the tier in the host's memory; 0: none
  std::string folder;          ///< of the tier on a disk; empty: none
  std::uint64_t disk_bytes = std::uint64_t{16} << 30U;

  friend bool operator==(const tier_config&, const tier_config&) = default;
};

/// What is kept of prompts, and where. None of it changes an answer.
struct cache_config {
  std::uint32_t implicit_tokens = 256;  ///< fewer found unasked are not told, nor priced, as cached
  std::uint32_t explicit_tokens = 1024;  ///< shorter prefixes that a request marks are not kept
  std::uint32_t explicit_seconds = 300;  ///< that a marked prefix is kept for after its last use
  std::uint32_t explicit_percent = 50;   ///< of the KV memory, that marked prefixes may have
  tier_config tiers;
};

}  // namespace troupe
