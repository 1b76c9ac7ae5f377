#pragma once

namespace troupe {

/// Processor seconds that the actor scheduler's threads of this process have used so far. Linux
/// only: read from the kernel's per-thread accounting; 0 where there is none.
[[nodiscard]] double actor_thread_seconds();

}  // namespace troupe
