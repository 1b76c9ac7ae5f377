#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/cache/block_key.hpp"

namespace troupe {

/// What a page held; never changed once it is shared.
using page_bytes = std::shared_ptr<const std::vector<std::byte>>;

/// Pages in the host's memory, by what they hold; the least recently used give way. Any one thread
/// at a time.
class host_tier {
 public:
  /// `most` bytes of contents at most; 0: keeps nothing.
  explicit host_tier(std::size_t most) : most_(most) {}

  [[nodiscard]] bool has(const block_key& key) const { return by_key_.contains(key); }
  void put(const block_key& key, page_bytes contents);
  /// Null: not there. One that is there has been used.
  [[nodiscard]] page_bytes get(const block_key& key);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct entry {
    block_key key;
    page_bytes contents;
  };

  std::size_t most_;
  std::size_t bytes_ = 0;
  std::list<entry> lru_;  ///< front: least recently used
  std::unordered_map<block_key, std::list<entry>::iterator, block_key_hash> by_key_;
};

}  // namespace troupe
