#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/reference/sample.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

sample_result draw(std::vector<float> logits, const sample_row& row, std::uint32_t seed = 1) {
  sample_result result;
  cuda::emulated_stream s(seed);
  REQUIRE(gpu_backend().sample(s, {logits.data(), &row, &result, 1,
                                   static_cast<std::uint32_t>(logits.size())}) == status::ok);
  return result;
}

sample_row greedy() {
  sample_row row;
  row.temperature = 0;
  return row;
}

}  // namespace

TEST_CASE("gpu: greedy takes the largest, ties and NaN and infinities as the CPU") {
  CHECK(draw({1, 3, 2}, greedy()).token == 1);
  CHECK(draw({1, 3, 3, 3}, greedy()).token == 1);
  CHECK(draw({not_a_number, -3, not_a_number}, greedy()).token == 1);
  sample_row row;
  row.want_logprob = true;
  row.top_logprobs = 3;
  const sample_result r = draw({not_a_number, infinity, -infinity}, row);
  CHECK(r.token == 1);
  CHECK(r.logprob == doctest::Approx(0));
  CHECK(r.top_tokens[0] == 1);
  CHECK(r.top_tokens[1] == -1);
}

TEST_CASE("gpu: a row without any finite logit gives the lowest token that is allowed") {
  const std::vector<float> nothing(70, -infinity);
  CHECK(draw(nothing, {}).token == 0);
  sample_row row;
  const std::vector<std::uint32_t> allowed{0b1100, 0, 0};
  const std::int32_t banned[] = {2, -7, 1 << 20};
  row.allowed = allowed.data();
  row.banned = banned;
  row.banned_count = 3;
  row.want_logprob = true;
  CHECK(draw(nothing, row).token == 3);
  CHECK(draw(nothing, row).logprob == -infinity);
}

TEST_CASE("gpu: huge ties keep the lower tokens") {
  sample_row row;
  row.temperature = 5;
  for (const std::uint32_t k : {1U, 3U, 700U}) {
    row.top_k = k;
    for (row.position = 0; row.position < 10; ++row.position)
      CHECK(draw(std::vector<float>(1000, 1.0F), row).token < static_cast<std::int32_t>(k));
  }
}

TEST_CASE("gpu: extreme parameters never fail") {
  generator random(161);
  const std::vector<float> x = random_floats(97, random, 30);
  sample_row row;
  row.want_logprob = true;
  for (const float temperature : {1e-38F, 1.0F, 1e38F, not_a_number})
    for (const float top_p : {0.0F, 1e-30F, 0.5F})
      for (const std::uint32_t top_k : {0U, 1U, 96U, ~0U})
        for (const float min_p : {0.0F, 1.0F}) {
          row.temperature = temperature;
          row.top_p = top_p;
          row.top_k = top_k;
          row.min_p = min_p;
          const std::int32_t t = draw(x, row).token;
          CHECK(t >= 0);
          CHECK(t < 97);
        }
}

TEST_CASE("gpu: the kernel draws what the reference draws") {
  generator random(162);
  const auto any = [&](auto... v) {
    const std::common_type_t<decltype(v)...> list[] = {v...};
    return list[random() % sizeof...(v)];
  };
  int equal = 0;
  constexpr int rounds = 150;
  for (int i = 0; i < rounds; ++i) {
    const std::uint32_t vocab = any(1U, 3U, 64U, 129U, 709U, 3000U);
    const std::vector<float> x = random_floats(vocab, random, any(0.1F, 1.0F, 4.0F));
    std::vector<std::int32_t> history(random() % 50);
    for (std::int32_t& t : history) t = static_cast<std::int32_t>(random() % vocab);
    const token_bias bias[] = {{static_cast<std::int32_t>(random() % vocab), 3}, {-4, 1}};
    const std::int32_t banned[] = {static_cast<std::int32_t>(random() % (vocab + 1))};
    sample_row row;
    row.temperature = any(0.0F, 0.3F, 1.0F, 2.0F);
    row.top_p = any(0.1F, 0.8F, 0.99F, 1.0F);
    row.top_k = any(0U, 1U, 20U, 700U, 2000U);
    row.min_p = any(0.0F, 0.05F, 0.5F);
    row.presence_penalty = any(0.0F, 0.7F);
    row.frequency_penalty = any(0.0F, -0.3F);
    row.repetition_penalty = any(1.0F, 1.3F);
    row.seed = random();
    row.choice = random() % 4;
    row.position = random() % 1000;
    row.history = history.data();
    row.history_length = static_cast<std::uint32_t>(history.size());
    row.prompt_length = static_cast<std::uint32_t>(history.size() / 2);
    row.bias = bias;
    row.bias_count = 2;
    row.banned = banned;
    row.banned_count = vocab > 1 ? 1 : 0;
    row.want_logprob = true;
    row.top_logprobs = 4;
    std::vector<float> copy = x;
    sample_result plain;
    reference::sample({copy.data(), &row, &plain, 1, vocab});
    const sample_result fast = draw(x, row, i);
    equal += fast.token == plain.token ? 1 : 0;
    if (fast.token == plain.token)
      CHECK(fast.logprob == doctest::Approx(plain.logprob).epsilon(1e-5));
    for (int k = 0; k < 4; ++k) CHECK(fast.top_tokens[k] == plain.top_tokens[k]);
  }
  // A draw may fall within rounding of the border between two tokens.
  CHECK(equal >= rounds - 1);
}

TEST_CASE("gpu: a row's draw depends neither on its neighbours nor on the order of threads") {
  constexpr std::uint32_t vocab = 1203;
  constexpr std::uint32_t count = 70;  // more than are drawn at a time
  generator random(163);
  const std::vector<float> logits = random_floats(vocab * count, random, 2);
  std::vector<sample_row> rows(count);
  for (std::uint32_t r = 0; r < count; ++r) {
    rows[r].top_k = r % 3 == 2 ? 5 : 0;
    rows[r].top_p = r % 3 == 1 ? 0.7F : 1.0F;
    rows[r].seed = r;
    rows[r].want_logprob = true;
  }
  std::vector<float> copy = logits;
  std::vector<sample_result> results(count);
  cuda::emulated_stream s(5);
  REQUIRE(gpu_backend().sample(s, {copy.data(), rows.data(), results.data(), count, vocab}) ==
          status::ok);
  for (std::uint32_t r = 0; r < count; r += 23) {
    const sample_result alone =
        draw({logits.begin() + r * vocab, logits.begin() + (r + 1) * vocab}, rows[r], r);
    CHECK(alone.token == results[r].token);
    CHECK(same_bits({alone.logprob}, {results[r].logprob}));
  }
}

TEST_CASE("gpu: scores are the log-softmax at the target, and equal the logprob of that draw") {
  generator random(164);
  std::vector<float> x = random_floats(2 * 801, random, 3);
  x[4] = not_a_number;
  const std::int32_t targets[] = {7, 801};
  const std::uint32_t top[] = {3, 0};
  sample_result fast[2];
  sample_result plain[2];
  cuda::emulated_stream s;
  REQUIRE(gpu_backend().score(s, {x.data(), targets, top, fast, 2, 801}) == status::ok);
  reference::score({x.data(), targets, top, plain, 2, 801});
  CHECK(fast[0].token == 7);
  CHECK(fast[0].logprob == doctest::Approx(plain[0].logprob).epsilon(1e-6));
  CHECK(fast[1].logprob == -infinity);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(fast[0].top_tokens[i] == plain[0].top_tokens[i]);
    CHECK(fast[0].top_logprobs[i] == doctest::Approx(plain[0].top_logprobs[i]).epsilon(1e-6));
  }
  sample_row row;
  row.want_logprob = true;
  row.top_p = 0.9F;
  const std::vector<float> second(x.begin() + 801, x.end());
  const sample_result drawn = draw(second, row);
  sample_result score;
  REQUIRE(gpu_backend().score(s, {second.data(), &drawn.token, nullptr, &score, 1, 801}) ==
          status::ok);
  CHECK(same_bits({score.logprob}, {drawn.logprob}));
}

}  // namespace troupe::kernels::test
