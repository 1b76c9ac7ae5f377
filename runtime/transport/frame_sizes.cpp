#include "runtime/transport/frame_sizes.hpp"

namespace troupe {

std::size_t payload_bytes(const outgoing_frame& frame) {
  std::size_t bytes = 0;
  for (const payload_part& part : frame.payload) bytes += part.bytes.size();
  return bytes;
}

std::size_t frame_bytes(const outgoing_frame& frame) {
  return frame.header.size() + payload_bytes(frame);
}

result<void> check_size(const outgoing_frame& frame, const transport_limits& limits) {
  if (frame.header.size() > limits.header_bytes)
    return fail(errc::out_of_range, "frame of kind {}: its header has {} bytes, at most {} go",
                frame.kind, frame.header.size(), limits.header_bytes);
  if (const std::size_t bytes = frame_bytes(frame); bytes > limits.frame_bytes)
    return fail(errc::out_of_range, "frame of kind {}: {} bytes, at most {} go", frame.kind, bytes,
                limits.frame_bytes);
  return {};
}

}  // namespace troupe
