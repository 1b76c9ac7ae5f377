#include "runtime/cache/prefix_index.hpp"

#include <algorithm>

namespace troupe {

std::uint64_t prefix_index::hash(serial parent, std::span<const token_id> tokens,
                                 cache_space space) {
  std::uint64_t h =
      (parent ^ (space * 0xD6E8FEB86659FD93ULL)) * 0x9E3779B97F4A7C15ULL + 0x632BE59BD9B4E019ULL;
  for (const token_id t : tokens) {
    h ^= static_cast<std::uint32_t>(t);
    h *= 0xFF51AFD7ED558CCDULL;
    h ^= h >> 32U;
  }
  return h;
}

std::optional<prefix_index::entry> prefix_index::find(serial parent,
                                                      std::span<const token_id> tokens,
                                                      cache_space space) const {
  const auto [first, last] = blocks_.equal_range(hash(parent, tokens, space));
  for (auto i = first; i != last; ++i) {
    const block& b = i->second;
    if (b.parent == parent && b.space == space && std::ranges::equal(b.tokens, tokens))
      return entry{b.id, b.page};
  }
  return std::nullopt;
}

prefix_index::entry prefix_index::insert(serial parent, std::span<const token_id> tokens,
                                         std::int32_t page, cache_space space) {
  if (const auto known = find(parent, tokens, space)) return *known;
  forget(page);
  const std::uint64_t key = hash(parent, tokens, space);
  const serial id = next_++;
  blocks_.emplace(key, block{parent, id, space, page, {tokens.begin(), tokens.end()}});
  by_page_.emplace(page, key);
  return {id, page};
}

prefix_index::serial prefix_index::block_of(std::int32_t page) const {
  const auto known = by_page_.find(page);
  if (known == by_page_.end()) return root;
  const auto [first, last] = blocks_.equal_range(known->second);
  for (auto i = first; i != last; ++i)
    if (i->second.page == page) return i->second.id;
  return root;
}

void prefix_index::forget(std::int32_t page) {
  const auto known = by_page_.find(page);
  if (known == by_page_.end()) return;
  const auto [first, last] = blocks_.equal_range(known->second);
  for (auto i = first; i != last; ++i) {
    if (i->second.page != page) continue;
    blocks_.erase(i);
    break;
  }
  by_page_.erase(known);
}

}  // namespace troupe
