#pragma once

#include <memory>
#include <vector>

#include "runtime/transport/collective/collective.hpp"

namespace troupe {

/// A group within this process, over ordinary memory: one end a rank. Whoever calls last does the
/// arithmetic, sums in rank order. The ends may go in any order, on any thread.
[[nodiscard]] std::vector<std::unique_ptr<collective>> make_inproc_collective(std::uint32_t ranks,
                                                                              std::uint64_t epoch);

}  // namespace troupe
