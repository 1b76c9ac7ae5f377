#include "runtime/keys/rate_limiter.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/keys/rate_text.hpp"

namespace troupe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr rate_limiter::time start{};

key_limits requests(std::uint64_t a_minute) { return {a_minute, std::nullopt, std::nullopt}; }
key_limits tokens(std::uint64_t a_minute) { return {std::nullopt, a_minute, std::nullopt}; }

TEST_CASE("without limits everything passes") {
  rate_limiter r({}, start);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(r.take_request(start));
  CHECK_FALSE(r.reserve(1'000'000'000, start));
  r.settle(1'000'000'000, 5, start);
  CHECK_FALSE(r.requests(start));
  CHECK_FALSE(r.tokens(start));
}

TEST_CASE("a second takes a sixtieth of the minute's requests") {
  rate_limiter r(requests(600), start);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(r.take_request(start));
  const auto burst = r.take_request(start);
  REQUIRE(burst);
  CHECK(burst->by == rate_limit::request_burst);
  CHECK(burst->limit == 10);
  CHECK(burst->wait.count() == doctest::Approx(0.1));
  CHECK(r.requests(start)->remaining == 590);
  CHECK(r.take_request(start + milliseconds(99)));
  CHECK_FALSE(r.take_request(start + milliseconds(100)));
}

TEST_CASE("over any minutes no more pass than the limit and one bucket") {
  for (const std::uint64_t limit : {1U, 7U, 60U, 90U, 600U}) {
    rate_limiter r(requests(limit), start);
    std::uint64_t passed = 0;
    for (int ms = 0; ms < 180'000; ms += 10)
      if (!r.take_request(start + milliseconds(ms))) ++passed;
    CHECK(passed <= 4 * limit);
    CHECK(passed >= 3 * limit);
  }
}

TEST_CASE("few requests a minute are one a second until they are used") {
  rate_limiter r(requests(3), start);
  CHECK_FALSE(r.take_request(start));
  CHECK(r.take_request(start)->by == rate_limit::request_burst);
  CHECK_FALSE(r.take_request(start + seconds(1)));
  CHECK_FALSE(r.take_request(start + seconds(2)));
  const auto used = r.take_request(start + seconds(3));
  REQUIRE(used);
  CHECK(used->by == rate_limit::requests);
  CHECK(used->wait.count() == doctest::Approx(17));
  CHECK(r.requests(start + seconds(3))->remaining == 0);
  CHECK_FALSE(r.take_request(start + seconds(20)));
}

TEST_CASE("who waits as long as told is not refused again") {
  for (const std::uint64_t limit : {1U, 3U, 7U, 59U, 61U, 1234U}) {
    rate_limiter r(requests(limit), start);
    rate_limiter::time now = start;
    for (int i = 0; i < 200; ++i) {
      const auto refused = r.take_request(now);
      if (!refused) continue;
      now += milliseconds(static_cast<std::int64_t>(std::ceil(refused->wait.count() * 1000)));
      CHECK_FALSE(r.take_request(now));
    }
  }
}

TEST_CASE("a request larger than a second's tokens passes and leaves a debt") {
  rate_limiter r(tokens(60'000), start);
  CHECK_FALSE(r.reserve(5'000, start));
  const auto later = r.reserve(10, start);
  REQUIRE(later);
  CHECK(later->by == rate_limit::token_burst);
  CHECK(later->limit == 1'000);
  CHECK(later->wait.count() == doctest::Approx(4.01));
  CHECK_FALSE(r.reserve(10, start + milliseconds(4'010)));
}

TEST_CASE("a minute's tokens are set aside whole, and what was not used comes back") {
  rate_limiter r(tokens(60'000), start);
  CHECK_FALSE(r.reserve(50'000, start));
  CHECK(r.reserve(20'000, start)->by == rate_limit::tokens);
  CHECK(r.tokens(start)->remaining == 10'000);
  CHECK(r.tokens(start)->reset.count() == doctest::Approx(50));
  r.settle(50'000, 400, start);
  CHECK(r.tokens(start)->remaining == 59'600);
  CHECK_FALSE(r.reserve(600, start));
}

TEST_CASE("what was used beyond the reservation is owed") {
  rate_limiter r(tokens(600), start);
  CHECK_FALSE(r.reserve(10, start));
  r.settle(10, 1'000, start);
  CHECK(r.tokens(start)->remaining == 0);
  CHECK(r.reserve(10, start)->wait.count() == doctest::Approx(100));
}

TEST_CASE("what never fits says so") {
  rate_limiter r(tokens(600), start);
  CHECK(r.reserve(601, start)->by == rate_limit::tokens_at_once);
}

TEST_CASE("the same limits again change nothing, others begin anew") {
  rate_limiter r(requests(60), start);
  CHECK_FALSE(r.take_request(start));
  r.set(requests(60), start);
  CHECK(r.requests(start)->remaining == 59);
  r.set(requests(120), start);
  CHECK(r.requests(start)->remaining == 120);
  r.set({}, start);
  CHECK_FALSE(r.requests(start));
}

TEST_CASE("a limit of nothing lets nothing pass") {
  rate_limiter r({0, 0, std::nullopt}, start);
  CHECK(r.take_request(start + seconds(100)));
  CHECK(r.reserve(1, start + seconds(100)));
}

TEST_CASE("durations read as OpenAI writes them") {
  using d = std::chrono::duration<double>;
  CHECK(short_duration(d(0)) == "0s");
  CHECK(short_duration(d(0.0201)) == "21ms");
  CHECK(short_duration(d(1)) == "1s");
  CHECK(short_duration(d(8.64)) == "8.64s");
  CHECK(short_duration(d(60)) == "1m0s");
  CHECK(short_duration(d(360.5)) == "6m0.5s");
}

}  // namespace
}  // namespace troupe
