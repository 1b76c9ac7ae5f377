#include "runtime/tokenizer/pair_queue.hpp"

#include <algorithm>
#include <bit>
#include <functional>

namespace troupe::text {
namespace {

template <class Value>
void push_least(std::vector<Value>& heap, Value value) {
  heap.push_back(value);
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

template <class Value>
void pop_least(std::vector<Value>& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater<>());
  heap.pop_back();
}

}  // namespace

void pair_queue::push(std::uint32_t rank, std::uint32_t position) {
  if (rank >= lists_.size()) lists_.resize(std::bit_ceil(std::size_t{rank} + 1));
  list& l = lists_[rank];
  if (l.head != none && position < nodes_[l.tail].position) {
    push_least(late_, std::uint64_t{rank} << 32 | position);
    return;
  }
  const auto added = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({position, none});
  if (l.head == none) {
    l.head = added;
    push_least(ranks_, rank);
  } else {
    nodes_[l.tail].next = added;
  }
  l.tail = added;
}

pair_queue::entry pair_queue::pop() {
  if (late_.empty()) return pop_listed(ranks_.front());
  const std::uint64_t least = late_.front();
  if (!ranks_.empty()) {
    const std::uint32_t rank = ranks_.front();
    if ((std::uint64_t{rank} << 32 | nodes_[lists_[rank].head].position) < least)
      return pop_listed(rank);
  }
  pop_least(late_);
  return {static_cast<std::uint32_t>(least >> 32), static_cast<std::uint32_t>(least)};
}

pair_queue::entry pair_queue::pop_listed(std::uint32_t rank) {
  list& l = lists_[rank];
  const node first = nodes_[l.head];
  l.head = first.next;
  if (l.head == none) {
    pop_least(ranks_);
    if (ranks_.empty()) nodes_.clear();
  }
  return {rank, first.position};
}

}  // namespace troupe::text
