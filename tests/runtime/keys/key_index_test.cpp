#include "runtime/keys/key_index.hpp"

#include <doctest/doctest.h>

#include "runtime/keys/api_key.hpp"

namespace troupe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr live_key::time start{};

key_record record(std::int64_t id, const std::string& secret) {
  key_record r;
  r.id = id;
  r.name = secret;
  r.hash = hash_of_key(secret);
  return r;
}

TEST_CASE("a key is found by itself alone, until it is revoked or expires") {
  key_index index(seconds(10));
  std::vector<key_record> records{record(1, "a"), record(2, "b")};
  records[1].expires = 100;
  index.update(records, start);
  CHECK(index.find("a", start, 50).value()->id() == 1);
  CHECK(index.find("b", start, 99));
  CHECK(index.find("b", start, 100).error().code() == errc::not_found);
  CHECK(index.find("c", start, 50).error().code() == errc::not_found);
  CHECK(index.find("", start, 50).error().code() == errc::not_found);
  CHECK(index.find(records[0].hash, start, 50).error().code() == errc::not_found);
  records[0].revoked = 60;
  index.update(records, start);
  CHECK(index.find("a", start, 61).error().code() == errc::not_found);
}

TEST_CASE("what was read long ago lets nobody in") {
  key_index index(seconds(10));
  CHECK(index.find("a", start, 0).error().code() == errc::unavailable);
  const std::vector<key_record> records{record(1, "a")};
  index.update(records, start);
  CHECK(index.find("a", start + seconds(10), 0));
  CHECK(index.find("a", start + seconds(11), 0).error().code() == errc::unavailable);
  index.confirm(start + seconds(11));
  CHECK(index.find("a", start + seconds(11), 0));
}

TEST_CASE("a key keeps what it has used when the file changes") {
  key_index index(seconds(10));
  std::vector<key_record> records{record(1, "a")};
  records[0].limits.requests_per_minute = 60;
  index.update(records, start);
  const auto key = index.find("a", start, 0).value();
  CHECK_FALSE(key->take_request(start));
  records.push_back(record(2, "b"));
  index.update(records, start);
  CHECK(index.find("a", start, 0).value() == key);
  CHECK(key->requests(start)->remaining == 59);
  records[0].limits.requests_per_minute = 5;
  index.update(records, start);
  CHECK(key->requests(start)->remaining == 5);
}

TEST_CASE("a budget holds for what is under way too, and for what others have spent") {
  key_record r = record(1, "a");
  r.limits.token_budget = 100;
  r.spent_tokens = 50;
  const auto key = std::make_shared<live_key>(r, start);
  CHECK_FALSE(key->reserve(30, start));
  CHECK(key->reserve(21, start)->by == rate_limit::budget);
  key->settle(30, 10, start);
  CHECK(key->unsaved() == 10);
  CHECK(key->reserve(41, start));
  key->saved(10);
  CHECK(key->unsaved() == 0);
  CHECK(key->reserve(41, start));
  {
    CHECK_FALSE(key->reserve(40, start));
    const key_reservation dropped(key, 40);
  }
  r.spent_tokens = 99;
  key->update(r, start);
  CHECK_FALSE(key->reserve(1, start));
}

TEST_CASE("a budget of money holds for what is under way too, and begins anew with its period") {
  constexpr std::int64_t noon = 43'200;
  constexpr std::int64_t midnight = 86'400;
  key_record r = record(1, "a");
  r.limits.money = money_budget{amount(100), budget_period::day};
  r.spent_money = {amount(50), 0};
  live_key key(r, start);
  CHECK_FALSE(key.reserve({7, amount(30)}, {start, noon}));
  const auto refused = key.reserve({7, amount(21)}, {start, noon});
  REQUIRE(refused);
  CHECK(refused->by == rate_limit::money);
  CHECK(refused->cost == amount(21));
  CHECK(refused->budget == *r.limits.money);
  CHECK(refused->wait == seconds(midnight - noon));
  key.settle({7, amount(30)}, {5, amount(10)}, {start, noon});
  CHECK(key.unsaved_money() == money_spent{amount(10), 0});
  CHECK(key.reserve({1, amount(41)}, {start, noon}));
  key.saved(5, {amount(10), 0});
  CHECK(key.unsaved_money().sum == amount());
  CHECK(key.reserve({1, amount(41)}, {start, noon}));
  CHECK_FALSE(key.reserve({1, amount(40)}, {start, noon}));
  CHECK(key.spent({start, noon}));
  // What is under way at midnight counts for the day in which it ends.
  CHECK_FALSE(key.spent({start, midnight}));
  CHECK_FALSE(key.reserve({1, amount(60)}, {start, midnight}));
  CHECK(key.spent({start, midnight}));
  key.settle({1, amount(40)}, {1, amount(1)}, {start, midnight});
  CHECK(key.unsaved_money() == money_spent{amount(1), midnight});
  CHECK(key.reserve({1, amount(40)}, {start, midnight}));
  CHECK_FALSE(key.reserve({1, amount(39)}, {start, midnight}));
}

TEST_CASE("a request that a minute refuses sets no money aside") {
  key_record r = record(1, "a");
  r.limits.tokens_per_minute = 60;
  r.limits.money = money_budget{amount(100)};
  live_key key(r, start);
  CHECK(key.reserve({61, amount(100)}, start)->by == rate_limit::tokens_at_once);
  CHECK_FALSE(key.reserve({1, amount(100)}, start));
  CHECK(key.reserve({1, amount(1)}, start)->wait.count() == 0);
}

TEST_CASE("periods begin at midnight and on the first, of UTC") {
  constexpr std::int64_t day = 86'400;
  constexpr std::int64_t feb_29 = 1'709'164'800;  // 2024
  CHECK(period_start(budget_period::life, feb_29) == 0);
  CHECK_FALSE(period_end(budget_period::life, feb_29));
  CHECK(period_start(budget_period::day, feb_29 + day - 1) == feb_29);
  CHECK(period_end(budget_period::day, feb_29) == feb_29 + day);
  CHECK(period_start(budget_period::month, feb_29 + 5) == feb_29 - 28 * day);
  CHECK(period_end(budget_period::month, feb_29) == feb_29 + day);
  CHECK(period_end(budget_period::month, feb_29 + 306 * day) == feb_29 + 307 * day);
  // The largest sum stays.
  CHECK(combined({amount(~uint128{0}), 1}, {amount(1), 1}).sum == amount(~uint128{0}));
  CHECK(combined({amount(5), 1}, {amount(1), 2}) == money_spent{amount(1), 2});
}

TEST_CASE("a revoked key stays until what its last request used is saved") {
  key_index index(seconds(10));
  std::vector<key_record> records{record(1, "a")};
  index.update(records, start);
  auto key = index.find("a", start, 0).value();
  CHECK_FALSE(key->reserve(5, start));
  index.update({}, start);
  CHECK(index.all().size() == 1);
  key->settle(5, 5, start);
  key.reset();
  REQUIRE(index.all().size() == 1);
  index.all().front()->saved(5);
  CHECK(index.all().empty());
}

}  // namespace
}  // namespace troupe
