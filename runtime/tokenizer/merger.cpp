#include "runtime/tokenizer/merger.hpp"

#include <array>

namespace troupe::text {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFF;

/// Up to here a scan of all pairs for each merge is faster than a queue.
constexpr std::size_t short_word = 32;

}  // namespace

merger::candidate merger::rule(token_id left, token_id right) {
  ++steps_;
  const auto* found =
      rules_->find(static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(right));
  if (found == nullptr) return {none, -1};
  return {found->first, static_cast<token_id>(found->second)};
}

std::size_t merger::merge(std::span<token_id> symbols) {
  if (symbols.size() < 2) return symbols.size();
  return symbols.size() <= short_word ? merge_short(symbols) : merge_long(symbols);
}

std::size_t merger::merge_short(std::span<token_id> symbols) {
  std::array<candidate, short_word> pairs{};
  std::size_t count = symbols.size();
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = rule(symbols[i], symbols[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == none) break;
    symbols[best] = pairs[best].merged;
    for (std::size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --count;
    if (best + 1 < count) pairs[best] = rule(symbols[best], symbols[best + 1]);
    if (best > 0) pairs[best - 1] = rule(symbols[best - 1], symbols[best]);
  }
  return count;
}

void merger::link(std::span<const token_id> symbols) {
  const auto count = static_cast<std::uint32_t>(symbols.size());
  previous_.resize(count);
  next_.resize(count);
  pairs_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    previous_[i] = i == 0 ? none : i - 1;
    next_[i] = i + 1 < count ? i + 1 : none;
    pairs_[i] = i + 1 < count ? rule(symbols[i], symbols[i + 1]) : candidate{none, -1};
    if (pairs_[i].rank != none) queue_.push(pairs_[i].rank, i);
  }
}

void merger::offer(std::uint32_t at, token_id left, token_id right) {
  pairs_[at] = rule(left, right);
  if (pairs_[at].rank != none) queue_.push(pairs_[at].rank, at);
}

std::size_t merger::merge_long(std::span<token_id> symbols) {
  link(symbols);
  while (!queue_.empty()) {
    ++steps_;
    const auto [rank, at] = queue_.pop();
    // An entry whose pair has changed since, or is gone, is stale.
    if (pairs_[at].rank != rank) continue;
    const std::uint32_t absorbed = next_[at];
    const std::uint32_t after = next_[absorbed];
    symbols[at] = pairs_[at].merged;
    pairs_[absorbed].rank = none;
    pairs_[at].rank = none;
    next_[at] = after;
    // Left to right, as the queue likes it.
    if (previous_[at] != none) offer(previous_[at], symbols[previous_[at]], symbols[at]);
    if (after != none) {
      previous_[after] = at;
      offer(at, symbols[at], symbols[after]);
    }
  }
  std::size_t count = 0;
  for (std::uint32_t at = 0; at != none; at = next_[at]) symbols[count++] = symbols[at];
  return count;
}

}  // namespace troupe::text
