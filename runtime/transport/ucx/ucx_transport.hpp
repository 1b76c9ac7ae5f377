#pragma once

#include <memory>

#include "runtime/transport/transport.hpp"
#include "runtime/transport/ucx/settings.hpp"

namespace troupe {

/// The data plane between processes: UCX active messages over whatever of RDMA, TCP and shared
/// memory the settings allow. It listens from the return of this function on, and serves from
/// start() on, with one thread of its own.
///
/// Fails with invalid_argument (settings), address_in_use, or unavailable with UCX's reason.
[[nodiscard]] result<std::unique_ptr<transport>> open_ucx_transport(peer_id self,
                                                                    const ucx_settings& settings);

}  // namespace troupe
