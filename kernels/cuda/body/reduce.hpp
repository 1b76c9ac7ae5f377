#pragma once

#include <cstdint>

#include "kernels/cuda/body/portable.hpp"

// Sums and orders over the threads of a warp or a block. `Thread` is the thread that runs the body:
// a device's (kernels/cuda/device) or an emulated one (kernels/cuda/emulated). The order of every
// addition follows from the number of threads alone.
namespace troupe::kernels::cuda {

/// Values that a block's reductions exchange: one a warp. In shared memory.
inline constexpr std::uint32_t reduction_slots = 32;

/// The sum over a warp, for every lane the same bits (both sides of an exchange add the same two).
template <class Thread, class T>
TROUPE_KERNEL T warp_sum(Thread& t, T value) {
  for (std::uint32_t m = warp_size / 2; m > 0; m /= 2) value += t.shuffle_xor(value, m);
  return value;
}

template <class Thread>
TROUPE_KERNEL float warp_largest(Thread& t, float value) {
  for (std::uint32_t m = warp_size / 2; m > 0; m /= 2) {
    const float other = t.shuffle_xor(value, m);
    value = other > value ? other : value;
  }
  return value;
}

/// The sum over a block, for every thread. `room` has reduction_slots values and may be used again
/// at once.
template <class Thread, class T>
TROUPE_KERNEL T block_sum(Thread& t, T value, T* room) {
  value = warp_sum(t, value);
  if (t.lane() == 0) room[t.warp()] = value;
  t.sync();
  T total = room[0];
  for (std::uint32_t w = 1; w < t.threads() / warp_size; ++w) total += room[w];
  t.sync();
  return total;
}

/// How many of the threads before this one, and of all, hold a true `flag`.
struct rank_in_block {
  std::uint32_t before;
  std::uint32_t all;
};
template <class Thread>
TROUPE_KERNEL rank_in_block block_rank(Thread& t, std::uint32_t count, std::uint32_t* room) {
  std::uint32_t inclusive = count;
  for (std::uint32_t d = 1; d < warp_size; d *= 2) {
    const std::uint32_t other = t.shuffle_up(inclusive, d);
    if (t.lane() >= d) inclusive += other;
  }
  if (t.lane() == warp_size - 1) room[t.warp()] = inclusive;
  t.sync();
  rank_in_block rank{inclusive - count, 0};
  for (std::uint32_t w = 0; w < t.threads() / warp_size; ++w) {
    if (w < t.warp()) rank.before += room[w];
    rank.all += room[w];
  }
  t.sync();
  return rank;
}

/// A value and where it stands. One comes before another when it is larger, or equal and earlier.
struct ranked {
  float value = minus_infinity;
  std::uint32_t id = ~0U;
};
[[nodiscard]] TROUPE_KERNEL bool before(const ranked& a, const ranked& b) {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

template <class Thread>
TROUPE_KERNEL ranked warp_first(Thread& t, ranked r) {
  for (std::uint32_t m = warp_size / 2; m > 0; m /= 2) {
    const ranked other{t.shuffle_xor(r.value, m), t.shuffle_xor(r.id, m)};
    if (before(other, r)) r = other;
  }
  return r;
}

template <class Thread>
TROUPE_KERNEL ranked block_first(Thread& t, ranked r, ranked* room) {
  r = warp_first(t, r);
  if (t.lane() == 0) room[t.warp()] = r;
  t.sync();
  ranked first = room[0];
  for (std::uint32_t w = 1; w < t.threads() / warp_size; ++w)
    if (before(room[w], first)) first = room[w];
  t.sync();
  return first;
}

}  // namespace troupe::kernels::cuda
