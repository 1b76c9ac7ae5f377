#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/cpu/sample.hpp"

// Pearson's chi-square against the distribution that each parameter defines, with fixed seeds: the
// outcome is the same on every run.
namespace troupe::kernels {
namespace {

constexpr std::uint32_t draws = 40'000;
const std::vector<float> logits{2.0F, 1.5F, 1.0F, 0.5F, 0.0F, -0.5F, -1.0F, 1.5F, 0.2F, -2.0F};

std::vector<double> softmax(const std::vector<double>& x) {
  std::vector<double> p(x.size());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += p[i] = std::exp(x[i]);
  for (double& v : p) v /= sum;
  return p;
}

std::vector<double> adjusted(const std::function<double(std::size_t, double)>& f) {
  std::vector<double> x(logits.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = f(i, logits[i]);
  return softmax(x);
}

std::vector<double> only(std::vector<double> p, const std::vector<std::size_t>& kept) {
  std::vector<double> q(p.size(), 0.0);
  double sum = 0;
  for (const std::size_t k : kept) sum += p[k];
  for (const std::size_t k : kept) q[k] = p[k] / sum;
  return q;
}

/// Logits among many that cannot be drawn, so that the paths for large vocabularies are taken.
std::vector<std::uint32_t> count_draws(sample_row row, std::uint32_t vocab) {
  std::vector<std::uint32_t> counts(logits.size(), 0);
  std::vector<float> x(vocab);
  const std::uint32_t stride = vocab / static_cast<std::uint32_t>(logits.size());
  for (row.position = 0; row.position < draws; ++row.position) {
    std::fill(x.begin(), x.end(), -200.0F);
    for (std::size_t i = 0; i < logits.size(); ++i) x[i * stride] = logits[i];
    sample_result result;
    cpu::sample_rows({x.data(), &row, &result, 1, vocab}, 0, 1, cpu::worker{});
    REQUIRE(result.token % stride == 0);
    ++counts[result.token / stride];
  }
  return counts;
}

void check_fit(const std::vector<std::uint32_t>& counts, const std::vector<double>& expected) {
  double statistic = 0;
  int freedom = -1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0) {
      CHECK(counts[i] == 0);
      continue;
    }
    const double e = expected[i] * draws;
    statistic += (counts[i] - e) * (counts[i] - e) / e;
    ++freedom;
  }
  // Mean + 3.5 standard deviations: passed by chance about once in a thousand.
  CHECK(statistic < freedom + 3.5 * std::sqrt(2.0 * freedom));
}

void check_distribution(const sample_row& row, const std::vector<double>& expected) {
  check_fit(count_draws(row, 10), expected);
  check_fit(count_draws(row, 200), expected);
}

TEST_CASE("temperature scales the distribution") {
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    sample_row row;
    row.seed = 1;
    row.temperature = temperature;
    check_distribution(row, adjusted([&](std::size_t, double x) { return x / temperature; }));
  }
}

TEST_CASE("top_k keeps the k most probable, ties to the lower token") {
  sample_row row;
  row.seed = 2;
  row.top_k = 2;
  const auto p = adjusted([](std::size_t, double x) { return x; });
  check_distribution(row, only(p, {0, 1}));
  row.top_k = 4;
  check_distribution(row, only(p, {0, 1, 7, 2}));
}

TEST_CASE("top_p keeps the smallest set that reaches it") {
  sample_row row;
  row.seed = 3;
  const auto p = adjusted([](std::size_t, double x) { return x; });
  row.top_p = static_cast<float>(p[0] + p[1] / 2);
  check_distribution(row, only(p, {0, 1}));
  row.top_p = static_cast<float>(p[0] + p[1] + p[7] + p[2] / 2);
  check_distribution(row, only(p, {0, 1, 7, 2}));
}

TEST_CASE("top_p applies to what top_k left") {
  sample_row row;
  row.seed = 4;
  row.top_k = 4;
  const auto p = adjusted([](std::size_t, double x) { return x; });
  const auto left = only(p, {0, 1, 7, 2});
  row.top_p = static_cast<float>(left[0] + left[1] + left[7] / 2);
  check_distribution(row, only(p, {0, 1, 7}));
}

TEST_CASE("min_p keeps what has at least that share of the largest probability") {
  sample_row row;
  row.seed = 5;
  row.min_p = 0.3F;  // exp(-1) = 0.37 stays, exp(-1.5) = 0.22 goes
  const auto p = adjusted([](std::size_t, double x) { return x; });
  check_distribution(row, only(p, {0, 1, 7, 2}));
  row.top_k = 3;
  check_distribution(row, only(p, {0, 1, 7}));
}

TEST_CASE("penalties and bias shift the distribution") {
  const std::uint32_t stride_one = 10;
  const std::int32_t history[] = {0, 6, 1, 1, 4};
  const token_bias bias[] = {{3, 1.5F}, {0, -1.0F}};
  sample_row row;
  row.seed = 6;
  row.history = history;
  row.history_length = 5;
  row.prompt_length = 2;
  row.presence_penalty = 0.4F;
  row.frequency_penalty = 0.3F;
  row.repetition_penalty = 1.5F;
  row.bias = bias;
  row.bias_count = 2;
  row.temperature = 0.8F;
  const auto expected = adjusted([](std::size_t t, double x) {
    if (t == 3) x += 1.5;
    if (t == 0) x -= 1.0;
    if (t == 0 || t == 6 || t == 1 || t == 4) x = x > 0 ? x / 1.5 : x * 1.5;
    if (t == 1) x -= 0.4 + 2 * 0.3;
    if (t == 4) x -= 0.4 + 0.3;
    return x / 0.8;
  });
  check_fit(count_draws(row, stride_one), expected);
}

TEST_CASE("choices and seeds are independent") {
  // Counts of pairs of what two streams draw at the same position against the product.
  const auto p = adjusted([](std::size_t, double x) { return x; });
  const auto tokens = [](std::uint64_t seed, std::uint32_t choice) {
    sample_row row;
    row.seed = seed;
    row.choice = choice;
    std::vector<std::int32_t> out(draws);
    for (row.position = 0; row.position < draws; ++row.position) {
      std::vector<float> x = logits;
      sample_result result;
      cpu::sample_rows({x.data(), &row, &result, 1, 10}, 0, 1, cpu::worker{});
      out[row.position] = result.token;
    }
    return out;
  };
  const auto first = tokens(7, 0);
  for (const auto& second : {tokens(7, 1), tokens(8, 0), tokens(7ULL << 32U, 0)}) {
    std::vector<std::uint32_t> pairs(100, 0);
    std::vector<double> expected(100);
    for (std::uint32_t i = 0; i < draws; ++i) ++pairs[first[i] * 10 + second[i]];
    for (std::size_t i = 0; i < 100; ++i) expected[i] = p[i / 10] * p[i % 10];
    check_fit(pairs, expected);
  }
}

}  // namespace
}  // namespace troupe::kernels
