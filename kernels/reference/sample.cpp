#include "kernels/reference/sample.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "kernels/api/philox.hpp"

namespace troupe::kernels::reference {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

float cleaned(float x) {
  if (std::isnan(x)) return minus_infinity;
  return std::min(x, FLT_MAX);
}

std::vector<float> cleaned(const float* x, std::uint32_t n) {
  std::vector<float> out(n);
  std::transform(x, x + n, out.begin(), [](float v) { return cleaned(v); });
  return out;
}

/// Tokens by falling logit, ties by rising id.
std::vector<std::int32_t> ranked(const std::vector<float>& x) {
  std::vector<std::int32_t> order(x.size());
  for (std::size_t t = 0; t < x.size(); ++t) order[t] = static_cast<std::int32_t>(t);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return x[a] > x[b]; });
  return order;
}

std::vector<float> log_softmax(const std::vector<float>& x) {
  std::vector<float> out(x.size(), minus_infinity);
  const float top = *std::max_element(x.begin(), x.end());
  if (top == minus_infinity) return out;
  double sum = 0;
  for (const float v : x) sum += std::exp(static_cast<double>(v) - top);
  for (std::size_t t = 0; t < x.size(); ++t)
    out[t] = static_cast<float>(static_cast<double>(x[t]) - top - std::log(sum));
  return out;
}

void adjust(std::vector<float>& x, const sample_row& row) {
  const auto known = [&](std::int32_t t) {
    return t >= 0 && static_cast<std::size_t>(t) < x.size();
  };
  for (std::uint32_t i = 0; i < row.bias_count; ++i)
    if (known(row.bias[i].token))
      x[row.bias[i].token] = cleaned(x[row.bias[i].token] + row.bias[i].bias);
  for (std::size_t t = 0; row.allowed != nullptr && t < x.size(); ++t)
    if ((row.allowed[t / 32] >> (t % 32) & 1U) == 0) x[t] = minus_infinity;
  for (std::uint32_t i = 0; i < row.banned_count; ++i)
    if (known(row.banned[i])) x[row.banned[i]] = minus_infinity;

  const std::uint32_t prompt = std::min(row.prompt_length, row.history_length);
  if (row.repetition_penalty != 1.0F) {
    const std::set<std::int32_t> seen(row.history, row.history + row.history_length);
    for (const std::int32_t t : seen)
      if (known(t))
        x[t] = cleaned(x[t] > 0 ? x[t] / row.repetition_penalty : x[t] * row.repetition_penalty);
  }
  if (row.presence_penalty != 0 || row.frequency_penalty != 0) {
    const std::set<std::int32_t> drawn(row.history + prompt, row.history + row.history_length);
    for (const std::int32_t t : drawn)
      if (known(t)) x[t] = cleaned(x[t] - row.presence_penalty);
    for (std::uint32_t i = prompt; i < row.history_length; ++i)
      if (known(row.history[i]))
        x[row.history[i]] = cleaned(x[row.history[i]] - row.frequency_penalty);
  }
}

std::int32_t lowest_allowed(const sample_row& row, std::uint32_t vocab) {
  for (std::uint32_t t = 0; t < vocab; ++t) {
    const bool allowed = row.allowed == nullptr || (row.allowed[t / 32] >> (t % 32) & 1U) != 0;
    const std::int32_t* end = row.banned + row.banned_count;
    if (allowed && std::find(row.banned, end, static_cast<std::int32_t>(t)) == end)
      return static_cast<std::int32_t>(t);
  }
  return 0;
}

std::int32_t draw(const std::vector<float>& x, const sample_row& row) {
  std::vector<std::int32_t> kept = ranked(x);
  const float top = x[kept.front()];
  if (top == minus_infinity) return lowest_allowed(row, static_cast<std::uint32_t>(x.size()));
  if (!(row.temperature > 0)) return kept.front();
  if (row.top_k != 0 && row.top_k < kept.size()) kept.resize(row.top_k);
  const auto weight = [&](std::int32_t t) {
    return std::exp((static_cast<double>(x[t]) - top) / row.temperature);
  };
  double sum = 0;
  for (const std::int32_t t : kept) sum += weight(t);
  if (row.top_p < 1.0F) {
    double part = 0;
    std::size_t n = 0;
    while (n < kept.size()) {
      part += weight(kept[n++]);
      if (part >= row.top_p * sum) break;
    }
    kept.resize(n);
  }
  std::erase_if(kept, [&](std::int32_t t) { return weight(t) < row.min_p; });
  std::sort(kept.begin(), kept.end());
  sum = 0;
  for (const std::int32_t t : kept) sum += weight(t);
  const double target = sample_uniform(row.seed, row.choice, row.position) * sum;
  double part = 0;
  std::int32_t last = kept.front();
  for (const std::int32_t t : kept) {
    if (weight(t) > 0) last = t;
    part += weight(t);
    if (part > target) return t;
  }
  return last;
}

void list_top(const std::vector<float>& logs, const std::vector<std::int32_t>& order,
              std::uint32_t wanted, sample_result& out) {
  for (std::uint32_t i = 0; i < std::min(wanted, max_top_logprobs); ++i) {
    const bool there = i < order.size() && logs[order[i]] != minus_infinity;
    out.top_tokens[i] = there ? order[i] : -1;
    out.top_logprobs[i] = there ? logs[order[i]] : minus_infinity;
  }
}

}  // namespace

void sample(const sample_params& p) {
  for (std::uint32_t r = 0; r < p.count; ++r) {
    const sample_row& row = p.rows[r];
    sample_result& out = p.results[r];
    std::vector<float> x = cleaned(p.logits + static_cast<std::size_t>(r) * p.vocab, p.vocab);
    const std::vector<float> logs = log_softmax(x);
    const std::vector<std::int32_t> order = ranked(x);
    adjust(x, row);
    out = {};
    out.token = draw(x, row);
    if (row.want_logprob) out.logprob = logs[out.token];
    list_top(logs, order, row.top_logprobs, out);
  }
}

void score(const score_params& p) {
  for (std::uint32_t r = 0; r < p.count; ++r) {
    const std::int32_t t = p.targets[r];
    const std::vector<float> x = cleaned(p.logits + static_cast<std::size_t>(r) * p.vocab, p.vocab);
    const std::vector<float> logs = log_softmax(x);
    sample_result& out = p.results[r];
    out = {};
    out.token = t;
    const bool known = t >= 0 && static_cast<std::uint32_t>(t) < p.vocab;
    out.logprob = known ? logs[t] : minus_infinity;
    if (p.top != nullptr) list_top(logs, ranked(x), p.top[r], out);
  }
}

}  // namespace troupe::kernels::reference
