#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::text {

/// A priority queue of (rank, position), least rank first, then least position.
///
/// Byte-pair merging offers most positions of a rank from left to right, so each rank has a list
/// that takes them in O(1); only those that come out of order go through a heap. Every operation is
/// O(log n) at worst.
class pair_queue {
 public:
  struct entry {
    std::uint32_t rank;
    std::uint32_t position;
  };

  /// Ranks index a table: they should be dense, and 0xFFFFFFFF is none.
  void push(std::uint32_t rank, std::uint32_t position);
  /// Takes the least entry; must not be empty.
  [[nodiscard]] entry pop();
  [[nodiscard]] bool empty() const { return ranks_.empty() && late_.empty(); }

 private:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  struct node {
    std::uint32_t position;
    std::uint32_t next;
  };
  struct list {
    std::uint32_t head = none;
    std::uint32_t tail = none;
  };

  entry pop_listed(std::uint32_t rank);

  std::vector<list> lists_;           ///< by rank
  std::vector<node> nodes_;           ///< of all lists; dropped when the queue runs empty
  std::vector<std::uint32_t> ranks_;  ///< a heap of the ranks whose lists are not empty
  std::vector<std::uint64_t> late_;   ///< a heap of rank << 32 | position
};

}  // namespace troupe::text
