#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// What a process has sent of one kind of frame.
struct kind_traffic {
  frame_kind kind = 0;
  std::uint64_t frames = 0;
  std::uint64_t header_bytes = 0;
  std::uint64_t payload_bytes = 0;
  friend bool operator==(const kind_traffic&, const kind_traffic&) = default;
};

/// What a process has sent since it joined. Its reports are numbered from 1 on, so that whoever
/// reads them can tell a later one.
struct node_traffic {
  std::uint64_t number = 0;
  std::vector<kind_traffic> kinds;  ///< those that were sent, each once, the smallest first
  friend bool operator==(const node_traffic&, const node_traffic&) = default;
};

/// Counts frames on their way out, by kind. Any thread.
class traffic_meter {
 public:
  /// Kinds from this one on are counted as kind 0.
  static constexpr std::size_t kinds = 64;

  void count(frame_kind kind, std::size_t header_bytes, std::size_t payload_bytes);
  [[nodiscard]] std::vector<kind_traffic> read() const;

 private:
  struct counter {
    std::atomic<std::uint64_t> frames = 0;
    std::atomic<std::uint64_t> header_bytes = 0;
    std::atomic<std::uint64_t> payload_bytes = 0;
  };
  std::array<counter, kinds> counters_;
};

/// The header of frames::traffic. Decoding takes no more kinds than a meter has, each once.
[[nodiscard]] std::vector<std::byte> encode_traffic(const node_traffic& traffic);
[[nodiscard]] result<node_traffic> decode_traffic(std::span<const std::byte> header);

}  // namespace troupe
