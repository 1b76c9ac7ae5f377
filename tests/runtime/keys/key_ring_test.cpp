#include "runtime/keys/key_ring.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "tests/support/paths.hpp"

namespace troupe {
namespace {

constexpr std::chrono::seconds patience{10};

/// False when it has not become true within ten seconds.
bool becomes(const std::function<bool()>& wanted) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!wanted()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

key_ring_settings quick() {
  key_ring_settings s;
  s.refresh = std::chrono::milliseconds(1);
  return s;
}

TEST_CASE("a ring follows what others do to its file") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "keys.db";
  CHECK(key_ring::open(path).error().code() == errc::not_found);
  auto store = key_store::open(path, key_store::missing_file::create);
  REQUIRE(store);
  const auto ring = key_ring::open(path, quick());
  REQUIRE(ring);
  key_request wanted;
  wanted.name = "alice";
  const auto secret = store->create(wanted, 1);
  REQUIRE(secret);
  CHECK(becomes([&] { return (*ring)->find(secret->text()).has_value(); }));
  REQUIRE(store->set_limits("alice", {5, std::nullopt, std::nullopt}));
  const auto now = std::chrono::steady_clock::now();
  CHECK(becomes([&] { return (*ring)->find(secret->text()).value()->requests(now).has_value(); }));
  REQUIRE(store->revoke("alice", 2));
  CHECK(becomes([&] { return !(*ring)->find(secret->text()).has_value(); }));
}

TEST_CASE("spending is in the file soon, and at the latest when the ring ends") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "keys.db";
  auto store = key_store::open(path, key_store::missing_file::create);
  REQUIRE(store);
  key_request wanted;
  wanted.name = "alice";
  const auto secret = store->create(wanted, 1);
  REQUIRE(secret);
  {
    const auto ring = key_ring::open(path, quick());
    REQUIRE(ring);
    const auto key = (*ring)->find(secret->text()).value();
    key_reservation(key, 9).settle(7);
    CHECK(becomes([&] { return store->find("alice")->spent_tokens == 7; }));
    key_reservation(key, 9).settle(3);
  }
  CHECK(store->find("alice")->spent_tokens == 10);
}

}  // namespace
}  // namespace troupe
