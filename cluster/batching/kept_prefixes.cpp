#include "cluster/batching/kept_prefixes.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

/// How many leading pages two texts share. Each hash covers all pages before it.
std::size_t shared_pages(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  std::size_t same = 0;
  for (std::size_t other = std::min(a.size(), b.size()); same < other;) {
    const std::size_t middle = (same + other + 1) / 2;
    if (a[middle - 1] == b[middle - 1])
      same = middle;
    else
      other = middle - 1;
  }
  return same;
}

}  // namespace

std::vector<std::uint64_t> kept_prefixes::hashes_of(cache_space space,
                                                    std::span<const token_id> tokens) const {
  std::vector<std::uint64_t> out;
  out.reserve(tokens.size() / limits_.page_size);
  std::uint64_t h = space * 0x9E3779B97F4A7C15ULL + 0x632BE59BD9B4E019ULL;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    h = (h ^ static_cast<std::uint32_t>(tokens[i])) * 0xFF51AFD7ED558CCDULL;
    h ^= h >> 32U;
    if ((i + 1) % limits_.page_size == 0) out.push_back(h);
  }
  return out;
}

kept_prefixes::entries::iterator kept_prefixes::at(cache_space space,
                                                   std::span<const token_id> tokens,
                                                   std::span<const std::uint64_t> hashes,
                                                   std::size_t count) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const auto& each) {
    const entry& e = each.second;
    return e.what.space == space && e.hashes.size() == count &&
           e.hashes.back() == hashes[count - 1] &&
           std::equal(e.what.tokens.begin(), e.what.tokens.end(), tokens.begin());
  });
}

std::uint64_t kept_prefixes::own_pages(cache_space space, std::span<const std::uint64_t> hashes,
                                       sequence_id except) const {
  std::size_t shared = 0;
  for (const auto& [holder, e] : entries_)
    if (holder != except && e.what.space == space)
      shared = std::max(shared, shared_pages(e.hashes, hashes));
  return hashes.size() - shared;
}

kept_prefixes::outcome kept_prefixes::mark(cache_space space, std::span<const token_id> prompt,
                                           std::span<const std::uint32_t> marks, time_point now,
                                           sequence_id& next) {
  outcome out;
  expire(now);
  if (limits_.pages == 0) return out;
  const auto hashes = hashes_of(space, prompt);
  std::vector<sequence_id> keep;
  std::size_t longest = 0;
  auto best = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const entry& e = each->second;
    const std::size_t count = e.hashes.size();
    if (e.what.space != space || count <= longest || count > hashes.size() ||
        e.hashes.back() != hashes[count - 1] ||
        !std::equal(e.what.tokens.begin(), e.what.tokens.end(), prompt.begin()))
      continue;
    longest = count;
    best = each;
  }
  if (best != entries_.end()) {
    best->second.until = now + limits_.lifetime;
    keep.push_back(best->first);
    out.found = static_cast<std::uint32_t>(longest) * limits_.page_size;
  }
  for (const std::uint32_t mark : marks) {
    const std::size_t count = std::min<std::size_t>(mark / limits_.page_size, hashes.size());
    if (mark < limits_.least_tokens || count == 0) continue;
    const auto first = std::span(hashes).first(count);
    if (const auto known = at(space, prompt, hashes, count); known != entries_.end()) {
      known->second.until = now + limits_.lifetime;
      keep.push_back(known->first);
      continue;
    }
    if (!make_room(space, first, keep)) continue;
    const auto tokens = prompt.first(count * limits_.page_size);
    entry e;
    e.what = {{tokens.begin(), tokens.end()}, space};
    e.hashes.assign(first.begin(), first.end());
    e.until = now + limits_.lifetime;
    pages_ += own_pages(space, first, 0);
    const sequence_id holder = next++;
    entries_.emplace(holder, std::move(e));
    keep.push_back(holder);
    out.fresh.push_back(holder);
    const auto length = static_cast<std::uint32_t>(tokens.size());
    if (length > out.found) out.created = std::max(out.created, length - out.found);
  }
  return out;
}

bool kept_prefixes::make_room(cache_space space, std::span<const std::uint64_t> hashes,
                              std::span<const sequence_id> keep) {
  if (hashes.size() > limits_.pages) return false;
  // What gives way may share pages with it.
  while (pages_ + own_pages(space, hashes, 0) > limits_.pages ||
         entries_.size() >= limits_.entries) {
    const auto victim = next_to_go(keep);
    if (victim == entries_.end()) return false;
    remove(victim);
  }
  return true;
}

/// Of the space that has most, the one that holds for the shortest time: who keeps much pushes out
/// what is its own.
kept_prefixes::entries::iterator kept_prefixes::next_to_go(std::span<const sequence_id> keep) {
  std::map<cache_space, std::uint64_t> sizes;
  for (const auto& [holder, e] : entries_) sizes[e.what.space] += e.hashes.size();
  auto victim = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    if (std::ranges::find(keep, each->first) != keep.end()) continue;
    if (victim == entries_.end()) {
      victim = each;
      continue;
    }
    const std::uint64_t more = sizes[each->second.what.space];
    const std::uint64_t less = sizes[victim->second.what.space];
    if (more > less || (more == less && each->second.until < victim->second.until)) victim = each;
  }
  return victim;
}

void kept_prefixes::remove(entries::iterator which) {
  pages_ -= own_pages(which->second.what.space, which->second.hashes, which->first);
  if (which->second.held) dropped_.push_back(which->first);
  entries_.erase(which);
}

const kept_prefixes::prefix* kept_prefixes::find(sequence_id holder) const {
  const auto known = entries_.find(holder);
  return known == entries_.end() ? nullptr : &known->second.what;
}

void kept_prefixes::held(sequence_id holder) {
  if (const auto known = entries_.find(holder); known != entries_.end()) known->second.held = true;
}

void kept_prefixes::drop(sequence_id holder) {
  if (const auto known = entries_.find(holder); known != entries_.end()) remove(known);
}

void kept_prefixes::expire(time_point now) {
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto here = each++;
    if (here->second.until <= now) remove(here);
  }
}

bool kept_prefixes::drop_one() {
  auto victim = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each)
    if (each->second.held &&
        (victim == entries_.end() || each->second.until < victim->second.until))
      victim = each;
  if (victim == entries_.end()) return false;
  remove(victim);
  return true;
}

std::vector<sequence_id> kept_prefixes::take_dropped() { return std::exchange(dropped_, {}); }

std::vector<sequence_id> kept_prefixes::holders() const {
  std::vector<sequence_id> out;
  for (const auto& [holder, e] : entries_)
    if (e.held) out.push_back(holder);
  return out;
}

void kept_prefixes::forget_unheld() {
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto here = each++;
    if (!here->second.held) remove(here);
  }
}

void kept_prefixes::bound(std::uint64_t pages) {
  limits_.pages = pages;
  while (pages_ > limits_.pages && !entries_.empty()) remove(next_to_go({}));
}

}  // namespace troupe
