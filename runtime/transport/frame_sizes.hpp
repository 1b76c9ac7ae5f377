#pragma once

#include <cstddef>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Bytes of all parts together.
[[nodiscard]] std::size_t payload_bytes(const outgoing_frame& frame);
/// What a frame counts for in queues and credits: header and payload.
[[nodiscard]] std::size_t frame_bytes(const outgoing_frame& frame);
/// out_of_range if the frame, or its header, is larger than allowed.
[[nodiscard]] result<void> check_size(const outgoing_frame& frame, const transport_limits& limits);

}  // namespace troupe
