#include "cluster/weights/block_fetch.hpp"

#include <algorithm>

namespace troupe {

block_fetch::block_fetch(const std::vector<std::uint32_t>& wanted,
                         const std::vector<peer_id>& sources, const limits& most)
    : limits_(most), order_(sources), waiting_(wanted.begin(), wanted.end()) {
  for (const peer_id peer : sources) sources_.emplace(peer, source{});
}

std::vector<block_fetch::ask> block_fetch::next(clock::time_point now) {
  std::vector<ask> asks;
  // In turn, so that all of them send at once.
  for (bool any = true; any && !waiting_.empty();) {
    any = false;
    for (const peer_id peer : order_) {
      const auto known = sources_.find(peer);
      if (known == sources_.end() || known->second.under_way >= limits_.window) continue;
      const auto block = std::find_if(waiting_.begin(), waiting_.end(), [&](std::uint32_t b) {
        return !known->second.lacks.contains(b);
      });
      if (block == waiting_.end()) continue;
      asks.push_back({peer, *block});
      asked_.emplace(*block, outstanding{peer, now});
      ++known->second.under_way;
      waiting_.erase(block);
      any = true;
    }
  }
  return asks;
}

bool block_fetch::take_back(peer_id from, std::uint32_t block) {
  const auto asked = asked_.find(block);
  if (asked == asked_.end() || asked->second.of != from) return false;
  asked_.erase(asked);
  if (const auto known = sources_.find(from); known != sources_.end()) --known->second.under_way;
  return true;
}

bool block_fetch::arrived(peer_id from, std::uint32_t block) { return take_back(from, block); }

void block_fetch::lacks(peer_id from, std::uint32_t block) {
  if (!take_back(from, block)) return;
  sources_.at(from).lacks.insert(block);
  waiting_.push_front(block);
}

void block_fetch::give_up(peer_id peer) {
  sources_.erase(peer);
  for (auto each = asked_.begin(); each != asked_.end();) {
    const bool its = each->second.of == peer;
    if (its) waiting_.push_front(each->first);
    each = its ? asked_.erase(each) : std::next(each);
  }
}

std::vector<peer_id> block_fetch::tick(clock::time_point now) {
  std::set<peer_id> silent;
  for (const auto& [block, asked] : asked_)
    if (now - asked.since > limits_.patience) silent.insert(asked.of);
  for (const peer_id peer : silent) give_up(peer);
  return {silent.begin(), silent.end()};
}

std::optional<std::uint32_t> block_fetch::hopeless() const {
  for (const std::uint32_t block : waiting_) {
    const bool somebody = std::any_of(sources_.begin(), sources_.end(), [&](const auto& entry) {
      return !entry.second.lacks.contains(block);
    });
    if (!somebody) return block;
  }
  return std::nullopt;
}

}  // namespace troupe
