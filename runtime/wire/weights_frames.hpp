#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// Blocks in one frame at most: of digests; a frame of bytes has one.
inline constexpr std::size_t most_asked_blocks = 1024;

/// What a node lacks of the model's files: the bytes of blocks, or their digests.
struct weights_ask {
  bool digests = false;
  std::vector<std::uint32_t> blocks;
  friend bool operator==(const weights_ask&, const weights_ask&) = default;
};

/// An answer. Payload: the block's bytes, or a SHA-256 digest for each block; none where `here` is
/// false: whoever was asked does not have them.
struct weights_answer {
  bool digests = false;
  bool here = false;
  std::vector<std::uint32_t> blocks;
  friend bool operator==(const weights_answer&, const weights_answer&) = default;
};

/// Headers of the frames of these names. Decoding refuses lists of no block, or of too many.
[[nodiscard]] std::vector<std::byte> encode_weights_ask(const weights_ask& ask);
[[nodiscard]] result<weights_ask> decode_weights_ask(std::span<const std::byte> header);
[[nodiscard]] std::vector<std::byte> encode_weights(const weights_answer& answer);
[[nodiscard]] result<weights_answer> decode_weights(std::span<const std::byte> header);

}  // namespace troupe
