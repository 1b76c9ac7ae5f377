// A manager and its tiers: pages are copied out in the background once they are committed, and come
// back when somebody asks for what they hold.
#include <algorithm>
#include <utility>

#include "runtime/cache/kv_manager.hpp"

namespace troupe {

block_key kv_manager::last_key(const sequence& s) const {
  return s.keys.empty() ? key_of_space(s.space) : s.keys.back();
}

void kv_manager::note_to_copy(const copy& c) {
  // What has waited for longest is likeliest to be evicted before its turn comes.
  if (to_copy_.size() >= pool_.total()) to_copy_.pop_front();
  to_copy_.push_back(c);
}

void kv_manager::copy_out() {
  while (!to_copy_.empty()) {
    const copy next = to_copy_.front();
    const bool there = index_.block_of(next.page) == next.block && !tiers_->has(next.key);
    if (there && !tiers_->put(next.key, next.page)) return;
    to_copy_.pop_front();
    if (!there) continue;
    pool_.share(next.page);  // nobody else's until it has been copied
    ++copying_[next.page];
  }
}

void kv_manager::attend_tiers() {
  if (!tiers_) return;
  const page_tiers::progress done = tiers_->poll();
  for (const std::int32_t page : done.copied) {
    const auto known = copying_.find(page);
    if (known == copying_.end()) continue;
    if (--known->second == 0) copying_.erase(known);
    pool_.drop(page, index_.holds(page));
  }
  for (const page_tiers::fetched& each : done.arrived) take_fetched(each);
  copy_out();
}

bool kv_manager::fetch(sequence_id id, std::span<const token_id> tokens, std::uint32_t at_most) {
  const auto known = sequences_.find(id);
  if (!tiers_ || known == sequences_.end()) return false;
  sequence& s = known->second;
  const std::uint32_t size = settings_.page_size;
  const std::size_t first = s.chain.size();
  const std::size_t limit = std::min<std::size_t>(tokens.size(), at_most) / size;
  if (s.pages.size() != first) return false;
  fetching f;
  f.sequence = id;
  block_key key = last_key(s);
  for (std::size_t block = first; block < limit && f.blocks.size() < pool_.available(); ++block) {
    key = key_after(key, tokens.subspan(block * size, size));
    if (!tiers_->has(key)) break;
    f.blocks.emplace_back(key, -1);
  }
  if (f.blocks.empty()) return false;
  for (auto& [of, page] : f.blocks) {
    add_page(s);
    page = s.pages.back();
    pool_.share(page);  // the sequence may leave before the page is filled
  }
  const auto from = tokens.subspan(first * size, f.blocks.size() * size);
  f.tokens.assign(from.begin(), from.end());
  s.shared = std::make_shared<const std::vector<std::int32_t>>(s.pages);
  s.job = next_job_++;
  tiers_->fetch(s.job, f.blocks);
  jobs_.emplace(s.job, std::move(f));
  return true;
}

void kv_manager::take_fetched(const page_tiers::fetched& done) {
  auto job = jobs_.extract(done.job);
  if (job.empty()) return;
  const fetching& f = job.mapped();
  const auto known = sequences_.find(f.sequence);
  if (known != sequences_.end() && known->second.job == done.job) {
    sequence& s = known->second;
    s.job = 0;
    const std::uint32_t size = settings_.page_size;
    const std::size_t count = std::min<std::size_t>(done.pages, f.blocks.size());
    for (std::size_t i = 0; i < count; ++i) {
      add_block(s, std::span(f.tokens).subspan(i * size, size));
      filled_.push_back(f.blocks[i].second);
    }
    counts_.found += count * size;
    counts_.fetched += count * size;
    drop_pages(s, s.chain.size());
  }
  for (const auto& [key, page] : f.blocks) pool_.drop(page, index_.holds(page));
}

std::optional<std::uint32_t> kv_manager::arrived(sequence_id id) const {
  const auto known = sequences_.find(id);
  if (known == sequences_.end()) return 0;
  if (known->second.job != 0) return std::nullopt;
  return static_cast<std::uint32_t>(known->second.chain.size()) * settings_.page_size;
}

void kv_manager::flush(std::chrono::milliseconds longest) {
  constexpr std::chrono::milliseconds pause{10};
  for (auto left = longest; tiers_ && tiers_busy() && left.count() > 0; left -= pause) {
    tiers_->wait(pause);
    attend_tiers();
  }
}

}  // namespace troupe
