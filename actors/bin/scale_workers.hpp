#pragma once

#include <memory>
#include <vector>

#include "actors/bin/scale_provider.hpp"
#include "actors/bin/worker_processes.hpp"

namespace troupe::cli {

/// A provider that starts nodes as processes of this machine: those of `all` that `kept` does not
/// keep at the moment, the first ones first. `kept` must outlive it.
[[nodiscard]] std::unique_ptr<scale_provider> make_worker_provider(
    worker_processes& kept, std::vector<worker_processes::worker> all);

}  // namespace troupe::cli
