#include "actors/engine/host_time.hpp"

#include "runtime/device/thread_usage.hpp"

namespace troupe {

double actor_thread_seconds() { return usage_of_threads("caf.").seconds; }

}  // namespace troupe
