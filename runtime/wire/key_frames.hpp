#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/keys/key_taken.hpp"

namespace troupe {

/// What keys have taken of their limits at one gateway, for the others.
struct key_news {
  /// More of them make another frame.
  static constexpr std::size_t most = 1024;

  std::uint32_t sharers = 0;  ///< processes that tell each other; 0: the sender does not know
  std::vector<key_taken> taken;
};

/// The frame `key_use`; at most key_news::most of them.
[[nodiscard]] std::vector<std::byte> encode_key_news(const key_news& news);
[[nodiscard]] result<key_news> decode_key_news(std::span<const std::byte> header);

}  // namespace troupe
