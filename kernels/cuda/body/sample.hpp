#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/philox.hpp"
#include "kernels/api/sample.hpp"
#include "kernels/cuda/body/sample_row.hpp"

// Draws and scores, a block a row. Nothing is sorted: what top_k and top_p leave is everything at
// or above a cut, which bisection over the keys finds.
namespace troupe::kernels::cuda {

struct sample_work {
  sample_params p;
  float* adjusted = nullptr;        ///< a row of vocab a block
  std::uint32_t* counts = nullptr;  ///< a row of vocab a block
};

/// An integer that orders as the float does (adding zero makes one zero of the two).
[[nodiscard]] TROUPE_KERNEL std::uint32_t order_key(float x) {
  const std::uint32_t bits = bits_of(x + 0.0F);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

/// What stays: a larger key, or the same key and no later token.
struct sample_cut {
  std::uint32_t key = 0;
  std::uint32_t last = ~0U;
  [[nodiscard]] TROUPE_KERNEL bool keeps(float x, std::uint32_t token) const {
    const std::uint32_t k = order_key(x);
    return k > key || (k == key && token <= last);
  }
};

struct sample_kernel {
  using params = sample_work;
  static constexpr std::uint32_t threads = sample_threads;
  static constexpr std::uint32_t shared_bytes = sizeof(sample_room);

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& w) {
    auto& room = *t.template shared<sample_room>();
    const std::uint32_t n = w.p.vocab;
    const sample_row& row = w.p.rows[t.x()];
    const float* x = w.p.logits + std::size_t{t.x()} * n;
    float* y = w.adjusted + std::size_t{t.x()} * n;
    sample_result& out = w.p.results[t.x()];
    if (t.thread() == 0) out = {};
    const bool scores = row.want_logprob || row.top_logprobs != 0;
    const float top = first_after(t, x, n, nullptr, room).value;
    const double log_sum = scores ? log_sum_exp(t, x, n, top, room) : 0;
    list_top(t, x, n, log_sum, row.top_logprobs, out, room);
    adjust(t, x, n, row, y, w.counts + std::size_t{t.x()} * n);
    const std::uint32_t token = draw(t, y, n, row, room);
    if (t.thread() != 0) return;
    out.token = static_cast<std::int32_t>(token);
    if (row.want_logprob) out.logprob = log_probability(cleaned(x[token]), log_sum);
  }

 private:
  template <class Thread>
  TROUPE_KERNEL static std::uint32_t draw(Thread& t, const float* y, std::uint32_t n,
                                          const sample_row& row, sample_room& room) {
    const ranked top = first_after(t, y, n, nullptr, room);
    if (top.id >= n) return lowest_allowed(t, n, row, room);
    if (!(row.temperature > 0)) return top.id;
    sample_cut cut;
    const auto one = [](float) { return 1.0; };
    const auto weight = [&](float v) { return double{weight_of(v, top.value, row.temperature)}; };
    if (row.top_k != 0 && row.top_k < n)
      cut = find_cut(t, y, n, order_key(top.value), cut, double(row.top_k), one, room);
    if (row.top_p < 1.0F) {
      const double target = double{row.top_p} * measure(t, y, n, cut, 0, weight, room);
      cut = find_cut(t, y, n, order_key(top.value), cut, target, weight, room);
    }
    return draw_from(t, y, n, cut, top.value, row, room);
  }

  template <class Thread>
  TROUPE_KERNEL static std::uint32_t lowest_allowed(Thread& t, std::uint32_t n,
                                                    const sample_row& row, sample_room& room) {
    ranked lowest;
    for (std::uint32_t i = t.thread(); i < n && lowest.id >= n; i += sample_threads) {
      bool free = allows(row, i);
      for (std::uint32_t k = 0; k < row.banned_count; ++k)
        free = free && row.banned[k] != static_cast<std::int32_t>(i);
      if (free) lowest = {0.0F, i};
    }
    lowest = block_first(t, lowest, room.first);
    return lowest.id < n ? lowest.id : 0;
  }

  /// The share of all that `within` keeps and whose key is `key` or more.
  template <class Thread, class Share>
  TROUPE_KERNEL static double measure(Thread& t, const float* y, std::uint32_t n,
                                      const sample_cut& within, std::uint32_t key,
                                      const Share& share, sample_room& room) {
    double sum = 0;
    for (std::uint32_t i = t.thread(); i < n; i += sample_threads)
      if (order_key(y[i]) >= key && within.keeps(y[i], i)) sum += share(y[i]);
    return block_sum(t, sum, room.real);
  }

  /// Those with this very key, up to token `last`.
  template <class Thread>
  TROUPE_KERNEL static std::uint32_t equals(Thread& t, const float* y, std::uint32_t n,
                                            const sample_cut& within, std::uint32_t key,
                                            std::uint32_t last, sample_room& room) {
    std::uint32_t count = 0;
    for (std::uint32_t i = t.thread(); i < n && i <= last; i += sample_threads)
      if (order_key(y[i]) == key && within.keeps(y[i], i)) ++count;
    return block_sum(t, count, room.number);
  }

  /// The cut at which the shares of what stays, taken from the largest down, first reach `target`.
  /// Sums only grow as the key falls (every term is at least zero, and the order is fixed), so
  /// bisection finds it. One at least stays.
  template <class Thread, class Share>
  TROUPE_KERNEL static sample_cut find_cut(Thread& t, const float* y, std::uint32_t n,
                                           std::uint32_t top_key, const sample_cut& within,
                                           double target, const Share& share, sample_room& room) {
    std::uint32_t low = within.key;
    std::uint32_t high = top_key;
    while (low < high) {
      const std::uint32_t middle = high - (high - low) / 2;
      if (measure(t, y, n, within, middle, share, room) >= target)
        low = middle;
      else
        high = middle - 1;
    }
    const std::uint32_t equal = equals(t, y, n, within, low, ~0U, room);
    double part = measure(t, y, n, within, low + 1, share, room);
    const double each = share(value_of(low));
    std::uint32_t wanted = 1;
    for (part += each; wanted < equal && part < target; ++wanted) part += each;
    if (wanted >= equal) return {low, within.key == low ? within.last : ~0U};
    std::uint32_t first = 0;
    std::uint32_t last = n - 1;
    while (first < last) {
      const std::uint32_t middle = first + (last - first) / 2;
      if (equals(t, y, n, within, low, middle, room) >= wanted)
        last = middle;
      else
        first = middle + 1;
    }
    return {low, last};
  }

  /// The number a key stands for.
  [[nodiscard]] TROUPE_KERNEL static float value_of(std::uint32_t key) {
    return bits_as<float>((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
  }

  /// By inverse distribution function in order of the ids: each thread sums a segment of them.
  template <class Thread>
  TROUPE_KERNEL static std::uint32_t draw_from(Thread& t, const float* y, std::uint32_t n,
                                               const sample_cut& cut, float top,
                                               const sample_row& row, sample_room& room) {
    const auto weight = [&](std::uint32_t i) {
      const float w = weight_of(y[i], top, row.temperature);
      return cut.keeps(y[i], i) && !(w < row.min_p) ? double{w} : 0.0;
    };
    const std::uint32_t length = ceil_divide(n, sample_threads);
    const std::uint32_t begin = least(n, t.thread() * length);
    const std::uint32_t end = least(n, begin + length);
    double mine = 0;
    for (std::uint32_t i = begin; i < end; ++i) mine += weight(i);
    room.segment[t.thread()] = mine;
    t.sync();
    double sum = 0;
    for (std::uint32_t s = 0; s < sample_threads; ++s) sum += room.segment[s];
    const double target = sample_uniform(row.seed, row.choice, row.position) * sum;
    // Rounding can leave the target just past the end: then the last token that may be drawn is.
    double part = 0;
    std::uint32_t chosen = 0;
    for (std::uint32_t s = 0; s < sample_threads; ++s) {
      if (room.segment[s] == 0) continue;
      if (chosen != s) part += room.segment[chosen];
      chosen = s;
      if (part + room.segment[s] > target) break;
    }
    if (t.thread() == chosen) {
      room.token = begin;
      for (std::uint32_t i = begin; i < end; ++i) {
        const double w = weight(i);
        if (w == 0) continue;
        room.token = i;
        part += w;
        if (part > target) break;
      }
    }
    t.sync();
    return room.token;
  }
};

struct score_kernel {
  using params = score_params;
  static constexpr std::uint32_t threads = sample_threads;
  static constexpr std::uint32_t shared_bytes = sizeof(sample_room);

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    auto& room = *t.template shared<sample_room>();
    const float* x = p.logits + std::size_t{t.x()} * p.vocab;
    sample_result& out = p.results[t.x()];
    if (t.thread() == 0) out = {};
    const float top = first_after(t, x, p.vocab, nullptr, room).value;
    const double log_sum = log_sum_exp(t, x, p.vocab, top, room);
    if (p.top != nullptr) list_top(t, x, p.vocab, log_sum, p.top[t.x()], out, room);
    if (t.thread() != 0) return;
    out.token = p.targets[t.x()];
    const auto token = static_cast<std::uint32_t>(out.token);
    out.logprob = token < p.vocab ? log_probability(cleaned(x[token]), log_sum) : minus_infinity;
  }
};

}  // namespace troupe::kernels::cuda
