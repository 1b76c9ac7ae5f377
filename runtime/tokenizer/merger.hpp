#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/tokenizer/pair_map.hpp"
#include "runtime/tokenizer/pair_queue.hpp"

namespace troupe::text {

/// Merges byte pairs: of all neighbours that have a rule the best-ranked, the leftmost among
/// equals, again and again. Holds scratch space; one a thread.
class merger {
 public:
  /// `rules`: (left id, right id) -> (rank, merged id). Must outlive this object; may grow between
  /// calls.
  explicit merger(const pair_map& rules) : rules_(&rules) {}

  /// Merges `symbols` in place and returns how many are left at its front. O(n log n).
  std::size_t merge(std::span<token_id> symbols);

  /// Work done so far: rules looked up and queue entries taken. For tests of its growth.
  [[nodiscard]] std::size_t steps() const { return steps_; }

 private:
  struct candidate {
    std::uint32_t rank;
    token_id merged;
  };

  [[nodiscard]] candidate rule(token_id left, token_id right);
  std::size_t merge_short(std::span<token_id> symbols);
  std::size_t merge_long(std::span<token_id> symbols);
  void link(std::span<const token_id> symbols);
  void offer(std::uint32_t at, token_id left, token_id right);

  const pair_map* rules_;
  std::size_t steps_ = 0;
  // Of a long word, by symbol: neighbours, and the rule for it and its right neighbour.
  std::vector<std::uint32_t> previous_;
  std::vector<std::uint32_t> next_;
  std::vector<candidate> pairs_;
  pair_queue queue_;
};

}  // namespace troupe::text
