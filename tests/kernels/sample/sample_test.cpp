#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/sample.hpp"
#include "kernels/reference/sample.hpp"

namespace troupe::kernels {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

sample_result draw(std::vector<float> logits, const sample_row& row) {
  sample_result result;
  cpu::worker w;
  alignas(64) static thread_local std::byte scratch[1U << 16U];
  w.scratch = scratch;
  w.scratch_bytes = sizeof scratch;
  sample_params p{logits.data(), &row, &result, 1, static_cast<std::uint32_t>(logits.size())};
  cpu::sample_rows(p, 0, 1, w);
  return result;
}

sample_result draw_reference(std::vector<float> logits, const sample_row& row) {
  sample_result result;
  sample_params p{logits.data(), &row, &result, 1, static_cast<std::uint32_t>(logits.size())};
  reference::sample(p);
  return result;
}

std::vector<float> random_logits(std::uint32_t vocab, std::uint32_t seed, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> x(vocab);
  for (float& v : x) v = normal(random);
  return x;
}

sample_row greedy() {
  sample_row row;
  row.temperature = 0;
  return row;
}

TEST_CASE("greedy takes the largest logit, ties to the lower token") {
  CHECK(draw({1, 3, 2}, greedy()).token == 1);
  CHECK(draw({1, 3, 3, 3}, greedy()).token == 1);
  std::vector<float> x(1000, -5.0F);
  x[999] = x[437] = 2;
  CHECK(draw(x, greedy()).token == 437);
}

TEST_CASE("NaN counts as minus infinity and plus infinity as the largest") {
  CHECK(draw({not_a_number, -3, not_a_number}, greedy()).token == 1);
  CHECK(draw({1, infinity, 2}, greedy()).token == 1);
  sample_row row;
  row.want_logprob = true;
  row.top_logprobs = 3;
  const sample_result r = draw({not_a_number, infinity, -infinity}, row);
  CHECK(r.token == 1);
  CHECK(r.logprob == doctest::Approx(0));
  CHECK(r.top_tokens[0] == 1);
  CHECK(r.top_tokens[1] == -1);
}

TEST_CASE("a row without any finite logit gives the lowest token that is allowed") {
  const std::vector<float> nothing(70, -infinity);
  CHECK(draw(nothing, {}).token == 0);
  sample_row row;
  const std::vector<std::uint32_t> allowed{0b1100, 0, 0};
  const std::int32_t banned[] = {2};
  row.allowed = allowed.data();
  row.banned = banned;
  row.banned_count = 1;
  row.want_logprob = true;
  CHECK(draw(nothing, row).token == 3);
  CHECK(draw(nothing, row).logprob == -infinity);
  const std::vector<std::uint32_t> none{0, 0, 0};
  row.allowed = none.data();
  CHECK(draw(std::vector<float>(70, 1.0F), row).token == 0);
}

TEST_CASE("masked and banned tokens are never drawn") {
  const std::vector<std::uint32_t> allowed{0b1101};
  const std::int32_t banned[] = {3, -7, 1 << 20};
  sample_row row;
  row.allowed = allowed.data();
  row.banned = banned;
  row.banned_count = 3;
  for (row.position = 0; row.position < 200; ++row.position) {
    const std::int32_t t = draw({1, 9, 1, 9}, row).token;
    CHECK((t == 0 || t == 2));
  }
}

TEST_CASE("penalties follow their definitions") {
  // Prompt 0, output 1 1 2; token 9 and -1 lie outside the vocabulary.
  const std::int32_t history[] = {0, 9, 1, 1, 2, -1};
  sample_row row = greedy();
  row.history = history;
  row.history_length = 6;
  row.prompt_length = 2;
  row.repetition_penalty = 2;
  CHECK(draw({8, -1, 7, 4.5F}, row).token == 3);     // 4, -2, 3.5, 4.5
  CHECK(draw({8, 10, 7, 3}, row).token == 1);        // 4, 5, 3.5, 3
  CHECK(draw({-1, -1, -1, -1.9F}, row).token == 3);  // -2 each, -1.9
  row.repetition_penalty = 1;
  row.presence_penalty = 1;
  CHECK(draw({5.1F, 6, 6, 4}, row).token == 0);  // 5.1 (prompt only), 5, 5, 4
  row.presence_penalty = 0;
  row.frequency_penalty = 0.5F;
  CHECK(draw({5.1F, 6, 5.7F, 4}, row).token == 2);  // 5.1, 5, 5.2, 4
}

TEST_CASE("bias is added before anything else") {
  const token_bias bias[] = {{2, 100}, {0, -100}, {77, 5}, {-3, 5}};
  sample_row row;
  row.bias = bias;
  row.bias_count = 4;
  row.want_logprob = true;
  const sample_result r = draw({5, 1, 0}, row);
  CHECK(r.token == 2);
  // Of the model's own distribution.
  CHECK(r.logprob == doctest::Approx(-std::log(1 + std::exp(5.0) + std::exp(1.0))));
}

TEST_CASE("top_logprobs are sorted, ties to the lower token") {
  std::vector<float> x(300, 0.0F);
  x[299] = 2;
  x[17] = 2;
  x[150] = 3;
  sample_row row = greedy();
  row.top_logprobs = 5;
  const sample_result r = draw(x, row);
  const std::int32_t expected[] = {150, 17, 299, 0, 1};
  for (int i = 0; i < 5; ++i) CHECK(r.top_tokens[i] == expected[i]);
  for (int i = 1; i < 5; ++i) CHECK(r.top_logprobs[i] <= r.top_logprobs[i - 1]);
}

TEST_CASE("top_k of one equals greedy and huge ties keep the lower tokens") {
  sample_row row;
  row.temperature = 5;
  row.top_k = 1;
  const std::vector<float> x = random_logits(5000, 3, 1);
  CHECK(draw(x, row).token == draw(x, greedy()).token);
  for (const std::uint32_t k : {3U, 1500U}) {
    row.top_k = k;
    for (row.position = 0; row.position < 300; ++row.position)
      CHECK(draw(std::vector<float>(5000, 1.0F), row).token < static_cast<std::int32_t>(k));
  }
}

TEST_CASE("extreme parameters never fail") {
  const std::vector<float> x = random_logits(997, 4, 30);
  sample_row row;
  row.want_logprob = true;
  row.top_logprobs = max_top_logprobs;
  for (const float temperature : {1e-38F, 1e-3F, 1.0F, 1e38F, not_a_number})
    for (const float top_p : {0.0F, 1e-30F, 0.5F, 1.0F})
      for (const std::uint32_t top_k : {0U, 1U, 996U, 997U, ~0U})
        for (const float min_p : {0.0F, 1.0F}) {
          row.temperature = temperature;
          row.top_p = top_p;
          row.top_k = top_k;
          row.min_p = min_p;
          const std::int32_t t = draw(x, row).token;
          CHECK(t >= 0);
          CHECK(t < 997);
        }
}

TEST_CASE("the fast kernel draws what the reference draws") {
  std::mt19937 random(11);
  const auto pick = [&](auto... v) {
    const std::common_type_t<decltype(v)...> list[] = {v...};
    return list[random() % sizeof...(v)];
  };
  int equal = 0;
  constexpr int rounds = 600;
  for (int i = 0; i < rounds; ++i) {
    const std::uint32_t vocab = pick(1U, 3U, 64U, 129U, 709U, 3000U);
    const std::vector<float> x = random_logits(vocab, random(), pick(0.1F, 1.0F, 4.0F));
    std::vector<std::int32_t> history(random() % 50);
    for (std::int32_t& t : history) t = static_cast<std::int32_t>(random() % vocab);
    const token_bias bias[] = {{static_cast<std::int32_t>(random() % vocab), 3}};
    const std::int32_t banned[] = {static_cast<std::int32_t>(random() % (vocab + 1))};
    sample_row row;
    row.temperature = pick(0.0F, 0.3F, 1.0F, 2.0F);
    row.top_p = pick(0.1F, 0.8F, 0.99F, 1.0F);
    row.top_k = pick(0U, 1U, 20U, 700U, 2000U);
    row.min_p = pick(0.0F, 0.05F, 0.5F);
    row.presence_penalty = pick(0.0F, 0.7F);
    row.frequency_penalty = pick(0.0F, -0.3F);
    row.repetition_penalty = pick(1.0F, 1.3F);
    row.seed = random();
    row.choice = random() % 4;
    row.position = random() % 1000;
    row.history = history.data();
    row.history_length = static_cast<std::uint32_t>(history.size());
    row.prompt_length = static_cast<std::uint32_t>(history.size() / 2);
    row.bias = bias;
    row.bias_count = 1;
    row.banned = banned;
    row.banned_count = vocab > 1 ? 1 : 0;
    row.want_logprob = true;
    row.top_logprobs = 4;
    const sample_result fast = draw(x, row);
    const sample_result plain = draw_reference(x, row);
    equal += fast.token == plain.token ? 1 : 0;
    if (fast.token == plain.token)
      CHECK(fast.logprob == doctest::Approx(plain.logprob).epsilon(1e-5));
    for (int k = 0; k < 4; ++k) CHECK(fast.top_tokens[k] == plain.top_tokens[k]);
  }
  // A draw may fall within rounding (about 1e-6) of the border between two tokens.
  CHECK(equal >= rounds - 1);
}

TEST_CASE("a row's draw does not depend on its neighbours, its place or the scratch") {
  constexpr std::uint32_t vocab = 1203;
  constexpr std::uint32_t count = 7;
  std::vector<float> logits;
  std::vector<sample_row> rows(count);
  for (std::uint32_t r = 0; r < count; ++r) {
    const auto x = random_logits(vocab, r, 2);
    logits.insert(logits.end(), x.begin(), x.end());
    rows[r].top_k = r == 2 ? 5 : 0;
    rows[r].top_p = r == 3 ? 0.7F : 1.0F;
    rows[r].seed = r;
    rows[r].want_logprob = true;
  }
  std::vector<float> copy = logits;
  std::vector<sample_result> results(count);
  sample_params p{copy.data(), rows.data(), results.data(), count, vocab};
  cpu::sample_rows(p, 0, count, cpu::worker{});  // no scratch: all from the heap
  for (std::uint32_t r = 0; r < count; ++r) {
    const sample_result alone =
        draw({logits.begin() + r * vocab, logits.begin() + (r + 1) * vocab}, rows[r]);
    CHECK(alone.token == results[r].token);
    CHECK(std::memcmp(&alone.logprob, &results[r].logprob, sizeof(float)) == 0);
  }
}

TEST_CASE("scores are the log-softmax at the target") {
  std::vector<float> x = random_logits(2 * 801, 5, 3);
  x[4] = not_a_number;
  const std::int32_t targets[] = {7, 801};
  const std::uint32_t top[] = {3, 0};
  sample_result fast[2];
  sample_result plain[2];
  cpu::score_rows({x.data(), targets, top, fast, 2, 801}, 0, 2, cpu::worker{});
  reference::score({x.data(), targets, top, plain, 2, 801});
  CHECK(fast[0].token == 7);
  CHECK(fast[0].logprob == doctest::Approx(plain[0].logprob).epsilon(1e-6));
  CHECK(fast[1].logprob == -infinity);
  CHECK(plain[1].logprob == -infinity);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(fast[0].top_tokens[i] == plain[0].top_tokens[i]);
    CHECK(fast[0].top_logprobs[i] == doctest::Approx(plain[0].top_logprobs[i]).epsilon(1e-6));
  }
}

TEST_CASE("a score equals the logprob of the same token drawn") {
  const std::vector<float> x = random_logits(4099, 6, 3);
  sample_row row;
  row.want_logprob = true;
  row.top_p = 0.9F;
  const sample_result r = draw(x, row);
  sample_result score;
  cpu::score_rows({x.data(), &r.token, nullptr, &score, 1, 4099}, 0, 1, cpu::worker{});
  CHECK(std::memcmp(&score.logprob, &r.logprob, sizeof(float)) == 0);
}

}  // namespace
}  // namespace troupe::kernels
