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
