#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

/// What threads have used so far.
struct thread_usage {
  double seconds = 0;          ///< of a processor
  std::uint64_t yields = 0;    ///< times a thread gave its processor up: it slept or blocked
  std::uint64_t preempts = 0;  ///< times the kernel took it away
};

/// Sum over the threads of this process whose names begin with `prefix`. Linux only: read from the
/// kernel's accounting; zeros where there is none.
[[nodiscard]] thread_usage usage_of_threads(std::string_view prefix);

}  // namespace troupe
