#pragma once

#include <cstdint>

#include "kernels/api/sample.hpp"
#include "kernels/cuda/body/reduce.hpp"

// What sampling and scoring share, and what a request changes of a row before it is drawn from.
namespace troupe::kernels::cuda {

inline constexpr std::uint32_t sample_threads = 256;

/// Shared memory of a block that samples.
struct sample_room {
  ranked first[reduction_slots];
  double real[reduction_slots];
  std::uint32_t number[reduction_slots];
  double segment[sample_threads];
  std::uint32_t token;
};

/// NaN becomes minus infinity, plus infinity the largest float.
[[nodiscard]] TROUPE_KERNEL float cleaned(float x) {
  if (x != x) return minus_infinity;
  return x < largest_float ? x : largest_float;
}

/// The first in order (larger, then lower) of the row's cleaned elements that come after `last`;
/// what is minus infinity never comes.
template <class Thread>
TROUPE_KERNEL ranked first_after(Thread& t, const float* x, std::uint32_t n, const ranked* last,
                                 sample_room& room) {
  ranked best;
  for (std::uint32_t i = t.thread(); i < n; i += sample_threads) {
    const ranked here{cleaned(x[i]), i};
    if (here.value > minus_infinity && (last == nullptr || before(*last, here)) &&
        before(here, best))
      best = here;
  }
  return block_first(t, best, room.first);
}

/// exp((x - top) / temperature), zero below e^-87.
[[nodiscard]] TROUPE_KERNEL float weight_of(float x, float top, float temperature) {
  const float exponent = (x - top) / temperature;
  return exponent >= -87.0F ? exp_of(exponent) : 0.0F;
}

/// log(sum exp(x)) of a row whose largest cleaned element is `top`.
template <class Thread>
TROUPE_KERNEL double log_sum_exp(Thread& t, const float* x, std::uint32_t n, float top,
                                 sample_room& room) {
  double sum = 0;
  for (std::uint32_t i = t.thread(); i < n && top > minus_infinity; i += sample_threads)
    sum += double{weight_of(cleaned(x[i]), top, 1.0F)};
  sum = block_sum(t, sum, room.real);
  return top > minus_infinity ? double{top} + log(sum) : double{minus_infinity};
}

[[nodiscard]] TROUPE_KERNEL float log_probability(float x, double log_sum) {
  return x == minus_infinity ? minus_infinity : static_cast<float>(double{x} - log_sum);
}

/// The `wanted` most likely tokens and their log-probabilities.
template <class Thread>
TROUPE_KERNEL void list_top(Thread& t, const float* x, std::uint32_t n, double log_sum,
                            std::uint32_t wanted, sample_result& out, sample_room& room) {
  ranked last;
  for (std::uint32_t k = 0; k < least(wanted, max_top_logprobs); ++k) {
    last = first_after(t, x, n, k == 0 ? nullptr : &last, room);
    const bool there = last.id < n;
    if (!there) last = {minus_infinity, ~0U};
    if (t.thread() != 0) continue;
    out.top_tokens[k] = there ? static_cast<std::int32_t>(last.id) : -1;
    out.top_logprobs[k] = there ? log_probability(last.value, log_sum) : minus_infinity;
  }
}

[[nodiscard]] TROUPE_KERNEL bool allows(const sample_row& row, std::uint32_t token) {
  return row.allowed == nullptr || (row.allowed[token / 32] >> (token % 32) & 1U) != 0;
}

/// y = the cleaned row after bias, mask, bans and penalties. `counts` has a number a token.
template <class Thread>
TROUPE_KERNEL void adjust(Thread& t, const float* x, std::uint32_t n, const sample_row& row,
                          float* y, std::uint32_t* counts) {
  const bool penalises_output = row.presence_penalty != 0 || row.frequency_penalty != 0;
  const bool penalises =
      row.history_length != 0 && (row.repetition_penalty != 1.0F || penalises_output);
  for (std::uint32_t i = t.thread(); i < n; i += sample_threads) {
    y[i] = cleaned(x[i]);
    if (penalises) counts[i] = 0;
  }
  t.sync();
  // One after another, as a token may stand in the list twice.
  for (std::uint32_t i = 0; i < row.bias_count && t.thread() == 0; ++i) {
    const auto token = static_cast<std::uint32_t>(row.bias[i].token);
    if (token < n) y[token] = cleaned(y[token] + row.bias[i].bias);
  }
  t.sync();
  for (std::uint32_t i = t.thread(); i < n && row.allowed != nullptr; i += sample_threads)
    if (!allows(row, i)) y[i] = minus_infinity;
  for (std::uint32_t i = t.thread(); i < row.banned_count; i += sample_threads) {
    const auto token = static_cast<std::uint32_t>(row.banned[i]);
    if (token < n) y[token] = minus_infinity;
  }
  // Integers count, whose sum does not depend on the order.
  constexpr std::uint32_t in_prompt = 0x80000000U;
  for (std::uint32_t i = t.thread(); i < row.history_length && penalises; i += sample_threads) {
    const auto token = static_cast<std::uint32_t>(row.history[i]);
    if (token >= n) continue;
    if (i < row.prompt_length)
      t.atomic_or(counts + token, in_prompt);
    else
      t.atomic_add(counts + token, 1U);
  }
  t.sync();
  for (std::uint32_t i = t.thread(); i < n && penalises; i += sample_threads) {
    if (counts[i] == 0) continue;
    float v = y[i];
    if (row.repetition_penalty != 1.0F)
      v = cleaned(v > 0 ? v / row.repetition_penalty : v * row.repetition_penalty);
    const std::uint32_t drawn = counts[i] & ~in_prompt;
    if (drawn != 0) v = cleaned(v - row.presence_penalty);
    for (std::uint32_t k = 0; k < drawn && row.frequency_penalty != 0; ++k)
      v = cleaned(v - row.frequency_penalty);
    y[i] = v;
  }
  t.sync();
}

}  // namespace troupe::kernels::cuda
