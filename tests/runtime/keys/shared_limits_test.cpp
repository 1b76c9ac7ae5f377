// A key's limits of a minute, over several gateways.
#include <doctest/doctest.h>

#include <array>

#include "runtime/keys/live_key.hpp"
#include "runtime/keys/use_exchange.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr live_key::time start{};
constexpr std::size_t gateways = 3;

key_record record(std::uint64_t requests, std::uint64_t tokens) {
  key_record r;
  r.hash = "00000000000000ff";
  r.limits.requests_per_minute = requests;
  r.limits.tokens_per_minute = tokens;
  return r;
}

/// The same key at several gateways, each of which asks for all it can get.
struct flood {
  std::array<live_key, gateways> keys;
  std::uint64_t requests = 0;
  std::uint64_t tokens = 0;

  explicit flood(const key_record& r)
      : keys{live_key(r, start), live_key(r, start), live_key(r, start)} {}

  void ask(live_key& key, std::uint64_t most, std::uint64_t used, live_key::time now) {
    if (key.take_request(now)) return;
    ++requests;
    if (key.reserve(most, now)) return;
    key.settle(most, used, now);
    tokens += used;
  }
  void tell(live_key::time now) {
    for (std::size_t from = 0; from < gateways; ++from) {
      const key_taken taken = keys[from].taken();
      for (std::size_t to = 0; to < gateways; ++to)
        if (to != from) keys[to].charge(taken, now);
    }
  }
  void run(seconds length, bool telling, std::uint64_t most, std::uint64_t used) {
    for (milliseconds at{0}; at < length; at += milliseconds(10)) {
      for (live_key& key : keys) ask(key, most, used, start + at);
      if (telling && at % milliseconds(100) == milliseconds(0)) tell(start + at);
    }
  }
};

constexpr std::uint64_t minutes = 3;
constexpr seconds length{60 * minutes};

}  // namespace

TEST_CASE("gateways that tell each other keep one limit, but for a second's at each") {
  for (const std::uint64_t limit : {60U, 600U, 6'000U}) {
    CAPTURE(limit);
    const std::uint64_t second = limit / 60;
    flood by_requests(record(limit, 1'000'000'000));
    by_requests.run(length, true, 1, 1);
    CHECK(by_requests.requests <= minutes * limit + second + (gateways - 1) * second);
    CHECK(by_requests.requests + 2 * second + gateways >= minutes * limit);

    flood by_tokens(record(1'000'000'000, 10 * limit));
    by_tokens.run(length, true, 20, 7);
    CHECK(by_tokens.tokens <= minutes * 10 * limit + 10 * second * gateways + 20 * gateways);
    CHECK(by_tokens.tokens >= minutes * 10 * limit * 8 / 10);
  }
}

TEST_CASE("gateways that hear nothing of each other have their parts of a limit") {
  for (const std::uint64_t limit : {60U, 600U, 6'000U}) {
    CAPTURE(limit);
    const std::uint64_t second = limit / 60;
    flood f(record(limit, 1'000'000'000));
    for (live_key& key : f.keys) key.divide(gateways);
    f.run(length, false, 1, 1);
    CHECK(f.requests <= minutes * limit + second + gateways);
    CHECK(f.requests + 2 * second + gateways >= minutes * limit);
    // One that is asked alone gets its part, and no more.
    flood lonely(record(limit, 1'000'000'000));
    lonely.keys[0].divide(gateways);
    for (milliseconds at{0}; at < length; at += milliseconds(10))
      lonely.ask(lonely.keys[0], 1, 1, start + at);
    CHECK(lonely.requests <= (minutes * limit + second) / gateways + 1);
    CHECK(lonely.requests + 2 >= minutes * limit / gateways);
  }
}

TEST_CASE("a part too small for a request lets it pass all the same, and leaves a debt") {
  live_key key(record(60, 600), start);
  key.divide(gateways);
  CHECK_FALSE(key.reserve(600, start));
  const auto later = key.reserve(1, start + seconds(60));
  REQUIRE(later);
  CHECK(later->wait > seconds(60));
  CHECK(key.reserve(601, start)->by == rate_limit::tokens_at_once);
}

TEST_CASE("what was taken is told once, with what was given back") {
  live_key key(record(60, 600), start);
  CHECK_FALSE(key.take_request(start));
  CHECK_FALSE(key.reserve(100, start));
  CHECK(key.taken() == key_taken{255, 1, 100});
  key.settle(100, 30, start);
  CHECK(key.taken() == key_taken{255, 0, -70});
  CHECK(key.taken() == key_taken{255, 0, 0});
  key.charge({255, 20, 600}, start);
  CHECK(key.requests(start)->remaining == 39);
  CHECK(key.tokens(start)->remaining == 0);
}

TEST_CASE("an exchange tells and hears only while it is joined, and divides while it is not") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "keys.db";
  auto store = key_store::open(path, key_store::missing_file::create);
  REQUIRE(store);
  key_request wanted;
  wanted.name = "alice";
  wanted.limits.requests_per_minute = 600;
  const auto secret = store->create(wanted, 1);
  REQUIRE(secret);
  use_exchange exchange;
  CHECK_FALSE(exchange.shares());
  CHECK(exchange.take().empty());
  auto opened = key_ring::open(path);
  REQUIRE(opened);
  std::shared_ptr<key_ring> ring = std::move(*opened);
  const auto key = ring->find(secret->text()).value();
  const auto now = std::chrono::steady_clock::now();
  CHECK_FALSE(key->take_request(now));
  exchange.share(ring);
  CHECK(exchange.shares());
  CHECK(exchange.take().empty());
  CHECK_FALSE(key->take_request(now));
  CHECK(exchange.take() == std::vector{key_taken{key->cache_space(), 1, 0}});
  exchange.join(2);
  exchange.add(std::vector{key_taken{key->cache_space(), 90, 0}, key_taken{7, 1, 1}});
  CHECK(key->requests(std::chrono::steady_clock::now())->remaining < 520);
  exchange.part();
  exchange.add(std::vector{key_taken{key->cache_space(), -200, 0}});
  const auto full = std::chrono::steady_clock::now();
  CHECK_FALSE(key->take_request(full));
  CHECK(key->requests(full)->remaining == 598);
  CHECK(exchange.take().empty());
  exchange.join(2);
  CHECK_FALSE(key->take_request(full));
  CHECK(key->requests(full)->remaining == 597);
  CHECK(exchange.take().size() == 1);
  ring.reset();
  CHECK_FALSE(exchange.shares());
  exchange.join(3);
  exchange.part();
}

}  // namespace troupe
