#include "kernels/cpu/sample_adjust.hpp"

#include <algorithm>
#include <cfloat>

#include "kernels/cpu/sample_math.hpp"

namespace troupe::kernels::cpu::sampling {
namespace {

bool penalises_output(const sample_row& row) {
  return row.presence_penalty != 0 || row.frequency_penalty != 0;
}

float cleaned(float x) {
  if (x != x) return minus_infinity;
  return std::min(x, FLT_MAX);
}

bool allows(const std::uint32_t* mask, std::uint32_t token) {
  return mask == nullptr || (mask[token / 32] >> (token % 32) & 1U) != 0;
}

/// Calls f(token) for each known token of the list, once each.
template <class F>
void for_each_once(std::span<const std::int32_t> tokens, std::uint32_t vocab,
                   std::span<std::uint32_t> marks, const F& f) {
  std::fill(marks.begin(), marks.end(), 0U);
  for (const std::int32_t token : tokens) {
    const auto t = static_cast<std::uint32_t>(token);
    if (t >= vocab) continue;
    std::uint32_t& word = marks[t / 32];
    const std::uint32_t bit = 1U << (t % 32);
    if ((word & bit) != 0) continue;
    word |= bit;
    f(t);
  }
}

/// Masks mostly allow nearly all or nearly nothing: words that are all ones are passed over.
void keep_allowed(float* x, std::uint32_t vocab, const std::uint32_t* allowed) {
  for (std::uint32_t first = 0; first < vocab; first += 32) {
    const std::uint32_t word = allowed[first / 32];
    if (word == ~0U) continue;
    const std::uint32_t end = std::min(first + 32, vocab);
    for (std::uint32_t t = first; t < end; ++t)
      if ((word >> (t - first) & 1U) == 0) x[t] = minus_infinity;
  }
}

}  // namespace

bool adjusts(const sample_row& row) {
  return row.bias_count != 0 || row.allowed != nullptr || row.banned_count != 0 ||
         (row.history_length != 0 && (row.repetition_penalty != 1.0F || penalises_output(row)));
}

void adjust(float* x, std::uint32_t vocab, const sample_row& row, std::span<std::uint32_t> marks) {
  for (const token_bias& b : std::span(row.bias, row.bias_count)) {
    const auto t = static_cast<std::uint32_t>(b.token);
    if (t < vocab) x[t] = cleaned(x[t] + b.bias);
  }
  if (row.allowed != nullptr) keep_allowed(x, vocab, row.allowed);
  for (const std::int32_t token : std::span(row.banned, row.banned_count)) {
    const auto t = static_cast<std::uint32_t>(token);
    if (t < vocab) x[t] = minus_infinity;
  }

  const std::span<const std::int32_t> history(row.history, row.history_length);
  if (row.repetition_penalty != 1.0F) {
    const float penalty = row.repetition_penalty;
    for_each_once(history, vocab, marks, [&](std::uint32_t t) {
      x[t] = cleaned(x[t] > 0 ? x[t] / penalty : x[t] * penalty);
    });
  }
  if (!penalises_output(row)) return;
  const auto output = history.subspan(std::min(row.prompt_length, row.history_length));
  for_each_once(output, vocab, marks,
                [&](std::uint32_t t) { x[t] = cleaned(x[t] - row.presence_penalty); });
  // Once an occurrence: the count times the penalty, without a table of counts.
  for (const std::int32_t token : output) {
    const auto t = static_cast<std::uint32_t>(token);
    if (t < vocab) x[t] = cleaned(x[t] - row.frequency_penalty);
  }
}

std::int32_t lowest_allowed(const sample_row& row, std::uint32_t vocab) {
  const std::span<const std::int32_t> banned(row.banned, row.banned_count);
  for (std::uint32_t t = 0; t < vocab; ++t) {
    const auto token = static_cast<std::int32_t>(t);
    if (allows(row.allowed, t) && std::find(banned.begin(), banned.end(), token) == banned.end())
      return token;
  }
  return 0;
}

}  // namespace troupe::kernels::cpu::sampling
