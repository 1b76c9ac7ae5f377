#pragma once

#include <chrono>

#include "runtime/engine/team/team_link.hpp"

namespace troupe {

/// Groups over NCCL, for ranks that are CUDA devices `first`, `first` + 1 ...: a communicator each,
/// whose calls lie in the ranks' streams. Whoever submits waits until a call lies there, which
/// takes long only until all ranks have joined, and at most for `deadline`; nobody waits for its
/// end. A call that has not ended `deadline` after it was submitted ends the group.
///
/// Loads NCCL, which sets the environment: call it before the ranks are made. Fails where there is
/// none.
[[nodiscard]] result<team_link_maker> nccl_links(int first, std::chrono::milliseconds deadline);

}  // namespace troupe
