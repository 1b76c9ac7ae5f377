#include "kernels/cpu/sample.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "kernels/api/philox.hpp"
#include "kernels/cpu/sample_adjust.hpp"
#include "kernels/cpu/sample_math.hpp"
#include "kernels/cpu/sample_select.hpp"

namespace troupe::kernels::cpu {
namespace {

using namespace sampling;

/// Up to this k the survivors are gathered in a list; above it they are marked in place.
constexpr std::uint32_t small_k = 1024;

/// Working memory of one row: the worker's scratch while it lasts, the heap for vocabularies too
/// large for it.
class row_memory {
 public:
  explicit row_memory(const worker& w) : free_(w.scratch, w.scratch_bytes) {}

  template <class T>
  std::span<T> take(std::size_t n) {
    const std::size_t bytes = (n * sizeof(T) + 63) / 64 * 64;
    if (bytes > free_.size()) {
      heap_.push_back(std::make_unique<std::byte[]>(bytes));
      return {reinterpret_cast<T*>(heap_.back().get()), n};
    }
    T* p = reinterpret_cast<T*>(free_.data());
    free_ = free_.subspan(bytes);
    return {p, n};
  }

 private:
  std::span<std::byte> free_;
  std::vector<std::unique_ptr<std::byte[]>> heap_;
};

/// The first candidates, largest first, and their weights.
struct ranking {
  std::span<candidate> list;
  std::span<float> weights;
  double sum = 0;
};

ranking rank(const float* x, std::uint32_t vocab, std::uint32_t k, float temperature,
             row_memory& memory) {
  ranking r;
  r.list = top_candidates(x, vocab, k, memory.take<candidate>(candidate_slots(k)));
  const auto logits = memory.take<float>(r.list.size());
  r.weights = memory.take<float>(r.list.size());
  for (std::size_t i = 0; i < r.list.size(); ++i) logits[i] = r.list[i].x;
  weigh(logits.data(), static_cast<std::uint32_t>(logits.size()), logits[0], temperature,
        r.weights.data());
  for (const float w : r.weights) r.sum += w;
  return r;
}

/// Draws from a ranking that holds every token that top_k and top_p may leave; top_p means the
/// first tokens whose weights are `enough`.
std::int32_t draw_from_list(const ranking& ranked, double enough, const sample_row& row, double u) {
  const std::span<candidate> list = ranked.list;
  const std::span<const float> weights = ranked.weights;
  std::size_t kept = list.size();
  if (row.top_p < 1.0F) {
    double part = 0;
    for (kept = 0; kept < list.size();) {
      part += weights[kept++];
      if (part >= enough) break;
    }
  }
  while (kept > 1 && weights[kept - 1] < row.min_p) --kept;
  // From here on `x` holds the weight: the draw goes by rising id, as over the whole vocabulary.
  for (std::size_t i = 0; i < kept; ++i) list[i].x = weights[i];
  const std::span<candidate> survivors = list.first(kept);
  std::sort(survivors.begin(), survivors.end(),
            [](const candidate& a, const candidate& b) { return a.token < b.token; });
  double sum = 0;
  for (const candidate& c : survivors) sum += c.x;
  const double target = u * sum;
  double part = 0;
  std::int32_t last = survivors[0].token;
  for (const candidate& c : survivors) {
    if (c.x > 0) last = c.token;
    part += c.x;
    if (part > target) return c.token;
  }
  return last;
}

std::int32_t draw_from_row(const float* x, std::uint32_t vocab, float top, const sample_row& row,
                           double u, row_memory& memory) {
  const std::uint32_t blocks = (vocab + block - 1) / block;
  const std::span<double> sums = memory.take<double>(blocks);
  float part[block];
  const auto weigh_block = [&](std::uint32_t b) {
    const std::uint32_t m = std::min(block, vocab - b * block);
    weigh(x + static_cast<std::size_t>(b) * block, m, top, row.temperature, part);
    for (std::uint32_t j = 0; j < m; ++j) part[j] = part[j] < row.min_p ? 0.0F : part[j];
    return m;
  };
  double sum = 0;
  for (std::uint32_t b = 0; b < blocks; ++b) {
    const std::uint32_t m = weigh_block(b);
    sums[b] = total(part, m);
    sum += sums[b];
  }
  const double target = u * sum;
  // Rounding can leave the target just past the end: then the last token that may be drawn is.
  double before = 0;
  std::uint32_t chosen = 0;
  for (std::uint32_t b = 0; b < blocks; ++b) {
    if (sums[b] == 0) continue;
    if (chosen != b && sums[chosen] != 0) before += sums[chosen];
    chosen = b;
    if (before + sums[b] > target) break;
  }
  std::int32_t last = 0;
  const std::uint32_t m = weigh_block(chosen);
  for (std::uint32_t j = 0; j < m; ++j) {
    if (part[j] == 0) continue;
    last = static_cast<std::int32_t>(chosen * block + j);
    before += part[j];
    if (before > target) break;
  }
  return last;
}

std::int32_t draw(float* x, std::uint32_t vocab, const sample_row& row, row_memory& memory) {
  const float top = largest(x, vocab);
  if (top == minus_infinity) return lowest_allowed(row, vocab);
  if (!(row.temperature > 0)) return static_cast<std::int32_t>(std::find(x, x + vocab, top) - x);
  const double u = sample_uniform(row.seed, row.choice, row.position);
  const bool limits_k = row.top_k != 0 && row.top_k < vocab;
  if (limits_k && row.top_k <= small_k) {
    const ranking r = rank(x, vocab, row.top_k, row.temperature, memory);
    return draw_from_list(r, row.top_p * r.sum, row, u);
  }
  if (limits_k) keep_top_k(x, vocab, row.top_k, memory.take<double>(histogram_bins));
  if (row.top_p < 1.0F) {
    const double target = row.top_p * weight_sum(x, vocab, top, row.temperature);
    const ranking r = rank(x, vocab, small_k, row.temperature, memory);
    if (r.sum >= target) return draw_from_list(r, target, row, u);
    keep_top_weight(x, vocab, top, row.temperature, target, memory.take<double>(histogram_bins));
  }
  return draw_from_row(x, vocab, top, row, u, memory);
}

/// The `wanted` most likely tokens of a row and their log-probabilities, into `out`.
void list_top(const float* x, std::uint32_t vocab, double log_sum, std::uint32_t wanted,
              sample_result& out, row_memory& memory) {
  wanted = std::min(wanted, max_top_logprobs);
  if (wanted == 0) return;
  const auto best =
      top_candidates(x, vocab, wanted, memory.take<candidate>(candidate_slots(wanted)));
  for (std::uint32_t i = 0; i < wanted; ++i) {
    const bool there = i < best.size();
    out.top_tokens[i] = there ? best[i].token : -1;
    out.top_logprobs[i] =
        there ? static_cast<float>(static_cast<double>(best[i].x) - log_sum) : minus_infinity;
  }
}

void sample_one(float* x, std::uint32_t vocab, const sample_row& row, sample_result& out,
                const worker& w) {
  row_memory memory(w);
  out = {};
  clean(x, vocab);
  double log_sum = 0;
  if (row.want_logprob || row.top_logprobs != 0) log_sum = log_sum_exp(x, vocab);
  list_top(x, vocab, log_sum, row.top_logprobs, out, memory);
  // The logits as they came are needed again at the end, for the drawn token's log-probability.
  const bool changes =
      adjusts(row) || (row.temperature > 0 && (row.top_k != 0 || row.top_p < 1.0F));
  const float* raw = x;
  if (row.want_logprob && changes) {
    const auto copy = memory.take<float>(vocab);
    std::copy_n(x, vocab, copy.begin());
    raw = copy.data();
  }
  if (adjusts(row)) adjust(x, vocab, row, memory.take<std::uint32_t>(mark_words(vocab)));
  out.token = draw(x, vocab, row, memory);
  if (row.want_logprob)
    out.logprob = raw[out.token] == minus_infinity
                      ? minus_infinity
                      : static_cast<float>(static_cast<double>(raw[out.token]) - log_sum);
}

}  // namespace

void sample_rows(const sample_params& p, std::uint32_t begin, std::uint32_t end, const worker& w) {
  for (std::uint32_t r = begin; r < end && p.vocab != 0; ++r)
    sample_one(p.logits + static_cast<std::size_t>(r) * p.vocab, p.vocab, p.rows[r], p.results[r],
               w);
}

void score_rows(const score_params& p, std::uint32_t begin, std::uint32_t end, const worker& w) {
  for (std::uint32_t r = begin; r < end; ++r) {
    row_memory memory(w);
    // A copy, as what is not finite has to be cleaned away before the most likely are looked for.
    const std::span<float> x = memory.take<float>(p.vocab);
    std::copy_n(p.logits + static_cast<std::size_t>(r) * p.vocab, p.vocab, x.begin());
    clean(x.data(), p.vocab);
    const double log_sum = log_sum_exp(x.data(), p.vocab);
    sample_result& out = p.results[r];
    out = {};
    out.token = p.targets[r];
    const auto t = static_cast<std::uint32_t>(p.targets[r]);
    const float value = t < p.vocab ? x[t] : minus_infinity;
    out.logprob = value == minus_infinity
                      ? minus_infinity
                      : static_cast<float>(static_cast<double>(value) - log_sum);
    if (p.top != nullptr) list_top(x.data(), p.vocab, log_sum, p.top[r], out, memory);
  }
}

}  // namespace troupe::kernels::cpu
