#include "runtime/cache/prefix_index.hpp"

#include <algorithm>

namespace troupe {

std::uint64_t prefix_index::hash(serial parent, std::span<const token_id> tokens) {
  std::uint64_t h = parent * 0x9E3779B97F4A7C15ULL + 0x632BE59BD9B4E019ULL;
  for (const token_id t : tokens) {
    h ^= static_cast<std::uint32_t>(t);
    h *= 0xFF51AFD7ED558CCDULL;
    h ^= h >> 32U;
  }
  return h;
}

std::optional<prefix_index::entry> prefix_index::find(serial parent,
                                                      std::span<const token_id> tokens) const {
  const auto [first, last] = blocks_.equal_range(hash(parent, tokens));
  for (auto i = first; i != last; ++i) {
    const block& b = i->second;
    if (b.parent == parent && std::ranges::equal(b.tokens, tokens)) return entry{b.id, b.page};
  }
  return std::nullopt;
}

prefix_index::entry prefix_index::insert(serial parent, std::span<const token_id> tokens,
                                         std::int32_t page) {
  if (const auto known = find(parent, tokens)) return *known;
  forget(page);
  const std::uint64_t key = hash(parent, tokens);
  const serial id = next_++;
  blocks_.emplace(key, block{parent, id, page, {tokens.begin(), tokens.end()}});
  by_page_.emplace(page, key);
  return {id, page};
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
