#include "cluster/batching/speculation/ngram_index.hpp"

#include <algorithm>

namespace troupe {

std::size_t ngram_index::bucket(token_id before, token_id last) const {
  const std::uint64_t pair =
      (std::uint64_t{static_cast<std::uint32_t>(before)} << 32U) | static_cast<std::uint32_t>(last);
  // Fibonacci hashing: the high bits of a product with 2^64 / golden ratio spread well.
  return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15ULL) >> 32U) & (heads_.size() - 1);
}

void ngram_index::link(std::span<const token_id> tokens, std::uint32_t at) {
  if (at + 1 < least_match) {
    previous_[at] = nowhere;
    return;
  }
  std::uint32_t& head = heads_[bucket(tokens[at - 1], tokens[at])];
  previous_[at] = head;
  head = at;
}

void ngram_index::grow(std::span<const token_id> tokens) {
  constexpr std::size_t smallest = 256;
  heads_.assign(std::max(smallest, heads_.size() * 2), nowhere);
  for (std::uint32_t at = 0; at < size(); ++at) link(tokens, at);
}

void ngram_index::extend(std::span<const token_id> tokens) {
  while (size() < tokens.size()) {
    if (size() >= heads_.size()) grow(tokens);
    previous_.push_back(nowhere);
    link(tokens, size() - 1);
  }
}

std::optional<ngram_index::match> ngram_index::find(std::span<const token_id> tokens) const {
  if (size() == 0 || tokens.size() != size()) return std::nullopt;
  const std::uint32_t end = size() - 1;
  match best;
  std::uint32_t at = previous_[end];
  for (std::uint32_t looked = 0; at != nowhere && looked < most_candidates; ++looked) {
    const std::uint32_t most = std::min(longest_match, at + 1);
    std::uint32_t length = 0;
    while (length < most && tokens[at - length] == tokens[end - length]) ++length;
    if (length >= least_match && length > best.length) best = {at + 1, length};
    if (length == longest_match) break;
    at = previous_[at];
  }
  if (best.length == 0) return std::nullopt;
  return best;
}

std::vector<token_id> copy_from(std::span<const token_id> tokens, std::uint32_t from,
                                std::uint32_t most) {
  std::vector<token_id> out;
  out.reserve(most);
  for (std::size_t at = from; out.size() < most; ++at)
    out.push_back(at < tokens.size() ? tokens[at] : out[at - tokens.size()]);
  return out;
}

}  // namespace troupe
