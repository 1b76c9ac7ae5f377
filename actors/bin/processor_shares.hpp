#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace troupe::cli {

/// What one of several worker processes may use of a machine.
struct processor_share {
  std::vector<int> processors;  ///< numbers as the kernel has them; empty: whichever it is given
  std::uint32_t threads = 1;    ///< compute threads
};

/// The processors that this process may run on, in ascending order; empty where the kernel does not
/// say.
[[nodiscard]] std::vector<int> allowed_processors();

/// Deals `threads` compute threads (0: one a processor) and the processors they run on out to
/// `workers` processes, at least one of each: neighbouring processors to one worker where there are
/// enough, else one for several workers in turn.
[[nodiscard]] std::vector<processor_share> share_processors(std::span<const int> processors,
                                                            std::uint32_t workers,
                                                            std::uint32_t threads);

}  // namespace troupe::cli
