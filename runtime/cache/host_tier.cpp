#include "runtime/cache/host_tier.hpp"

#include <utility>

namespace troupe {

void host_tier::put(const block_key& key, page_bytes contents) {
  if (contents->size() > most_ || get(key) != nullptr) return;
  bytes_ += contents->size();
  by_key_.emplace(key, lru_.insert(lru_.end(), {key, std::move(contents)}));
  while (bytes_ > most_) {
    bytes_ -= lru_.front().contents->size();
    by_key_.erase(lru_.front().key);
    lru_.pop_front();
  }
}

page_bytes host_tier::get(const block_key& key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return nullptr;
  lru_.splice(lru_.end(), lru_, known->second);
  return known->second->contents;
}

}  // namespace troupe
