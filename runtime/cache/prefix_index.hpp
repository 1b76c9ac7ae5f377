#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/base/token.hpp"

namespace troupe {

/// Whose prefixes are found: a request finds what requests of its own space have left, nothing of
/// other spaces.
using cache_space = std::uint64_t;

/// Finds the KV pages of a known prefix: a tree of token blocks, one block a page.
///
/// A block is found by its parent's serial number and its own tokens, compared in full: no hash
/// collision can hand out another prompt's page. Serial numbers are never used twice, so children
/// of a forgotten block become unreachable and are evicted in their turn. Each space has a tree of
/// its own: what is known in one is not found in another.
class prefix_index {
 public:
  using serial = std::uint64_t;
  static constexpr serial root = 0;

  explicit prefix_index(std::uint32_t block_size) : block_size_(block_size) {}

  struct entry {
    serial id = root;
    std::int32_t page = -1;
  };

  /// The block `tokens` (exactly block_size) after `parent`, if known.
  [[nodiscard]] std::optional<entry> find(serial parent, std::span<const token_id> tokens,
                                          cache_space space = 0) const;
  /// Remembers that `page` holds this block. If the block is known already, the known entry is
  /// returned and nothing changes.
  entry insert(serial parent, std::span<const token_id> tokens, std::int32_t page,
               cache_space space = 0);
  /// Forgets a page's block; nothing happens if the page has none.
  void forget(std::int32_t page);
  [[nodiscard]] bool holds(std::int32_t page) const { return by_page_.contains(page); }
  /// The block that a page holds; root: none.
  [[nodiscard]] serial block_of(std::int32_t page) const;
  [[nodiscard]] std::size_t size() const { return by_page_.size(); }

 private:
  struct block {
    serial parent = root;
    serial id = root;
    cache_space space = 0;
    std::int32_t page = -1;
    std::vector<token_id> tokens;
  };
  [[nodiscard]] static std::uint64_t hash(serial parent, std::span<const token_id> tokens,
                                          cache_space space);

  std::uint32_t block_size_;
  serial next_ = root + 1;
  std::unordered_multimap<std::uint64_t, block> blocks_;
  std::unordered_map<std::int32_t, std::uint64_t> by_page_;  ///< page -> key in blocks_
};

}  // namespace troupe
