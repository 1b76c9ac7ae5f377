#include "runtime/cache/kv_manager.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

tl::unexpected<error> unknown(sequence_id id) {
  return fail(errc::not_found, "sequence {} is not open", id);
}

}  // namespace

kv_manager::kv_manager(const settings& s, std::shared_ptr<page_tiers> tiers)
    : settings_(s),
      pool_(s.pages),
      index_(s.page_size),
      tiers_(s.reuse_prefixes ? std::move(tiers) : nullptr) {}

result<std::uint32_t> kv_manager::open(sequence_id id, std::span<const token_id> tokens,
                                       std::uint32_t at_most, cache_space space) {
  const auto [place, fresh] = sequences_.try_emplace(id);
  if (!fresh) return fail(errc::already_exists, "sequence {} is open already", id);
  sequence& s = place->second;
  s.space = space;
  const std::uint32_t size = settings_.page_size;
  const std::size_t limit = std::min<std::size_t>(tokens.size(), at_most) / size;
  counts_.looked_up += tokens.size();
  auto parent = prefix_index::root;
  for (std::size_t block = 0; settings_.reuse_prefixes && block < limit; ++block) {
    const auto known = index_.find(parent, tokens.subspan(block * size, size), space);
    if (!known) break;
    pool_.share(known->page);
    s.pages.push_back(known->page);
    if (tiers_) s.keys.push_back(key_after(last_key(s), tokens.subspan(block * size, size)));
    s.chain.push_back(known->id);
    parent = known->id;
  }
  s.shared = std::make_shared<const std::vector<std::int32_t>>(s.pages);
  const auto found = static_cast<std::uint32_t>(s.pages.size()) * size;
  counts_.found += found;
  return found;
}

result<void> kv_manager::extend(sequence_id id, std::uint32_t length) {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return unknown(id);
  sequence& s = known->second;
  const std::size_t needed = (std::size_t{length} + settings_.page_size - 1) / settings_.page_size;
  if (needed <= s.pages.size()) return {};
  if (needed - s.pages.size() > pool_.available()) {
    return fail(errc::exhausted, "sequence {} needs {} more KV pages, {} are available", id,
                needed - s.pages.size(), pool_.available());
  }
  while (s.pages.size() < needed) add_page(s);
  s.shared = std::make_shared<const std::vector<std::int32_t>>(s.pages);
  return {};
}

/// One of those that are available.
void kv_manager::add_page(sequence& s) {
  const auto grant = pool_.take();
  if (grant->evicted) {
    index_.forget(grant->page);
    ++counts_.evicted;
  }
  s.pages.push_back(grant->page);
}

result<void> kv_manager::trim(sequence_id id, std::uint32_t positions) {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return unknown(id);
  drop_pages(known->second,
             (std::size_t{positions} + settings_.page_size - 1) / settings_.page_size);
  return {};
}

result<void> kv_manager::commit(sequence_id id, std::uint32_t first,
                                std::span<const token_id> tokens) {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return unknown(id);
  if (!settings_.reuse_prefixes) return {};
  sequence& s = known->second;
  const std::uint32_t size = settings_.page_size;
  if (first != s.chain.size() * size) {
    return fail(errc::invalid_argument, "sequence {}: commit at position {}, expected {}", id,
                first, s.chain.size() * size);
  }
  if (first + tokens.size() > s.pages.size() * size) {
    return fail(errc::out_of_range,
                "sequence {}: commit of {} positions from {} passes its {} pages", id,
                tokens.size(), first, s.pages.size());
  }
  commit_blocks(s, tokens);
  return {};
}

void kv_manager::commit_blocks(sequence& s, std::span<const token_id> tokens) {
  const std::uint32_t size = settings_.page_size;
  for (std::size_t at = 0; at + size <= tokens.size(); at += size)
    add_block(s, tokens.subspan(at, size));
  copy_out();
}

void kv_manager::add_block(sequence& s, std::span<const token_id> tokens) {
  const auto parent = s.chain.empty() ? prefix_index::root : s.chain.back();
  const std::int32_t page = s.pages[s.chain.size()];
  // A block that another sequence committed first keeps its page; ours stays ours and is freed at
  // release, as the index does not hold it.
  const auto entry = index_.insert(parent, tokens, page, s.space);
  if (tiers_) {
    const block_key key = key_after(last_key(s), tokens);
    s.keys.push_back(key);
    if (entry.page == page) note_to_copy({page, entry.id, key});
  }
  s.chain.push_back(entry.id);
}

void kv_manager::release(sequence_id id) {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return;
  drop_pages(known->second, 0);
  sequences_.erase(known);
}

void kv_manager::drop_pages(sequence& s, std::size_t keep) {
  if (s.pages.size() <= keep) return;
  // Last page first: among pages dropped together the deepest is the least recently used, so a
  // prefix outlives what follows it.
  while (s.pages.size() > keep) {
    pool_.drop(s.pages.back(), index_.holds(s.pages.back()));
    s.pages.pop_back();
  }
  cut_chain(s, keep);
  s.shared = std::make_shared<const std::vector<std::int32_t>>(s.pages);
}

void kv_manager::cut_chain(sequence& s, std::size_t keep) {
  if (s.chain.size() > keep) s.chain.resize(keep);
  if (s.keys.size() > keep) s.keys.resize(keep);
}

result<page_table> kv_manager::table(sequence_id id) const {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return unknown(id);
  return known->second.shared;
}

}  // namespace troupe
