#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace troupe {

/// Bounds of a transport. What a peer may leave unreleased here is told to it when it connects;
/// everything else is this end's own.
struct transport_limits {
  std::size_t frame_bytes = std::size_t{1} << 30;    ///< of one frame, header and payload
  std::size_t header_bytes = std::size_t{16} << 20;  ///< of one frame
  /// Of one peer's frames that arrived, or are on their way, and whose memory is still in use. A
  /// frame larger than this goes alone.
  std::size_t window_bytes = std::size_t{256} << 20;
  std::uint32_t window_frames = 4096;
  /// Of frames for one peer that wait here, for its credits or for its introduction.
  std::size_t queue_bytes = std::size_t{64} << 20;
  std::uint32_t queue_frames = 4096;
  std::uint32_t peers = 1024;
  /// How long an end that has been introduced waits for the other.
  std::chrono::milliseconds connect_deadline{5000};
};

}  // namespace troupe
