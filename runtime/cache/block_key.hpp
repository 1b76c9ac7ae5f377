#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "runtime/base/token.hpp"
#include "runtime/cache/prefix_index.hpp"

namespace troupe {

/// Names what a page holds wherever it is kept: the first half of a SHA-256 over the space, and
/// over every token from the sequence's beginning to the block's end. Nobody can make two prompts
/// that have the same one.
struct block_key {
  std::array<std::byte, 16> bytes{};
  /// 32 hex digits.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const block_key&, const block_key&) = default;
};

/// For hash tables: a part of what is a good hash already.
struct block_key_hash {
  [[nodiscard]] std::size_t operator()(const block_key& key) const {
    std::size_t h = 0;
    std::memcpy(&h, key.bytes.data(), sizeof h);
    return h;
  }
};

/// What a space's first blocks come after.
[[nodiscard]] block_key key_of_space(cache_space space);
/// The key of the block `tokens` after the block (or the space) `parent`.
[[nodiscard]] block_key key_after(const block_key& parent, std::span<const token_id> tokens);

}  // namespace troupe
