#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "actors/bin/node_options.hpp"
#include "actors/bin/processor_shares.hpp"
#include "actors/bin/worker_processes.hpp"

namespace troupe::cli {

/// The nodes "worker-0", "worker-1" ..., one for each share, as child processes of this program;
/// with the common name before it where there is one; the last `expert_workers` are "expert-0" ...
/// and hold experts only. `memory_bytes` is for each of them; 0: what is available.
[[nodiscard]] std::vector<worker_processes::worker> worker_commands(
    const node_options& common, std::span<const processor_share> shares, std::size_t memory_bytes,
    std::size_t expert_workers = 0);

}  // namespace troupe::cli
