#include "cluster/weights/block_fetch.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace troupe {
namespace {

/// A step that visits every one of `count` places, neighbours of a visit far from each other.
std::size_t wide_step(std::size_t count) {
  constexpr double golden = 0.618;
  auto step = static_cast<std::size_t>(static_cast<double>(count) * golden);
  while (step > 1 && std::gcd(step, count) != 1) --step;
  return std::max<std::size_t>(step, 1);
}

}  // namespace

block_fetch::block_fetch(std::vector<std::uint32_t> wanted, const std::vector<peer_id>& sources,
                         const limits& most)
    : limits_(most),
      last_(sources.empty() ? 0 : sources.back()),
      wanted_(std::move(wanted)),
      waits_(wanted_.size(), true),
      lackers_(wanted_.size(), 0),
      left_(wanted_.size()) {
  for (index i = 0; i < wanted_.size(); ++i) index_of_.emplace(wanted_[i], i);
  for (const peer_id peer : sources) {
    source s;
    s.peer = peer;
    s.step = peer == last_ ? 1 : wide_step(wanted_.size());
    s.unseen = wanted_.size();
    s.seen.resize(wanted_.size());
    s.lacks.resize(wanted_.size());
    sources_.push_back(std::move(s));
  }
  if (sources_.empty() && left_ > 0) hopeless_ = wanted_.front();
}

block_fetch::source* block_fetch::find(peer_id peer) {
  const auto found = std::ranges::find(sources_, peer, &source::peer);
  return found == sources_.end() ? nullptr : &*found;
}

std::optional<block_fetch::index> block_fetch::next_for(source& s) const {
  while (!s.again.empty()) {
    const index at = s.again.front();
    s.again.pop_front();
    if (waits_[at] && !s.lacks[at]) return at;
  }
  while (s.unseen > 0) {
    const index at = s.cursor;
    s.cursor = (s.cursor + s.step) % wanted_.size();
    s.seen[at] = true;
    --s.unseen;
    if (waits_[at]) return at;
  }
  return std::nullopt;
}

std::vector<block_fetch::ask> block_fetch::next(clock::time_point now) {
  std::vector<ask> asks;
  // In turn, so that all of them send at once.
  for (bool any = true; any;) {
    any = false;
    for (source& s : sources_) {
      if (s.asked.size() >= limits_.window) continue;
      const auto at = next_for(s);
      if (!at) continue;
      waits_[*at] = false;
      s.asked.emplace(*at, now);
      asks.push_back({s.peer, wanted_[*at]});
      any = true;
    }
  }
  return asks;
}

std::optional<block_fetch::index> block_fetch::take_back(source* from, std::uint32_t block) {
  const auto at = index_of_.find(block);
  if (from == nullptr || at == index_of_.end() || from->asked.erase(at->second) == 0)
    return std::nullopt;
  return at->second;
}

bool block_fetch::arrived(peer_id from, std::uint32_t block) {
  source* s = find(from);
  if (!take_back(s, block)) return false;
  s->misses = 0;
  --left_;
  return true;
}

void block_fetch::lacks(peer_id from, std::uint32_t block) {
  source* s = find(from);
  const auto at = take_back(s, block);
  if (!at) return;
  s->lacks[*at] = true;
  ++lackers_[*at];
  put_back(*at);
  if (++s->misses >= limits_.most_misses && from != last_) give_up(from);
}

void block_fetch::put_back(index at) {
  waits_[at] = true;
  if (lackers_[at] == sources_.size()) hopeless_ = wanted_[at];
  for (source& s : sources_)
    if (s.seen[at] && !s.lacks[at]) s.again.push_back(at);
}

void block_fetch::give_up(peer_id peer) {
  const auto gone = std::ranges::find(sources_, peer, &source::peer);
  if (gone == sources_.end()) return;
  const source its = std::move(*gone);
  sources_.erase(gone);
  for (index at = 0; at < wanted_.size(); ++at) {
    if (its.lacks[at]) --lackers_[at];
    if (waits_[at] && lackers_[at] == sources_.size()) hopeless_ = wanted_[at];
  }
  for (const auto& [at, since] : its.asked) put_back(at);
}

std::vector<peer_id> block_fetch::tick(clock::time_point now) {
  std::vector<peer_id> silent;
  for (const source& s : sources_) {
    const auto patience = s.peer == last_ ? limits_.last_patience : limits_.patience;
    const bool late = std::ranges::any_of(
        s.asked, [&](const auto& asked) { return now - asked.second > patience; });
    if (late) silent.push_back(s.peer);
  }
  for (const peer_id peer : silent) give_up(peer);
  return silent;
}

}  // namespace troupe
