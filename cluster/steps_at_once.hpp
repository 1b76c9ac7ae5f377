#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runtime/transport/transport.hpp"

namespace troupe {

/// Where a stage is computed, and by how many threads.
struct stage_place {
  peer_id node = 0;
  std::string host;
  std::uint32_t threads = 1;
};

/// How many steps are to be under way at once, over sequences of their own: one for each stage that
/// can be computed while the others are. More would only make each step smaller, and small ones
/// cost more a row. Stages of one node take turns; so do nodes of this machine, `host`, where they
/// have more threads in all than it has processors. At least 1.
[[nodiscard]] std::uint32_t steps_at_once(std::span<const stage_place> stages,
                                          const std::string& host, std::uint32_t processors);

}  // namespace troupe
