#include "runtime/keys/key_store.hpp"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <iterator>

#include "tests/support/paths.hpp"

namespace troupe {
namespace {

key_store open_in(const test::temporary_directory& folder) {
  auto store = key_store::open(folder.path() / "keys.db", key_store::missing_file::create);
  REQUIRE(store);
  return std::move(*store);
}

key_request named(const std::string& name) {
  key_request r;
  r.name = name;
  return r;
}

TEST_CASE("a key is there with all that it was made with, except for itself") {
  const test::temporary_directory folder;
  key_request wanted = named("alice");
  wanted.scope = {{"one", "two"}, {"chat"}};
  wanted.limits = {60, 1000, 50'000, key_priority::low};
  wanted.expires = 2'000;
  std::string secret;
  {
    key_store store = open_in(folder);
    const auto made = store.create(wanted, 1'000);
    REQUIRE(made);
    secret = made->text();
  }
  key_store store = open_in(folder);
  const auto found = store.find("alice");
  REQUIRE(found);
  CHECK(found->hash == hash_of_key(secret));
  CHECK(found->scope == wanted.scope);
  CHECK(found->limits == wanted.limits);
  CHECK(found->created == 1'000);
  CHECK(found->expires == 2'000);
  CHECK_FALSE(found->revoked);
  CHECK(store.list()->front() == *found);
  for (const char* name : {"keys.db", "keys.db-wal"}) {
    std::ifstream in(folder.path() / name, std::ios::binary);
    const std::string all(std::istreambuf_iterator<char>(in), {});
    CHECK(all.find(secret) == std::string::npos);
  }
}

TEST_CASE("a revoked key is listed and not found, and its name is free again") {
  const test::temporary_directory folder;
  key_store store = open_in(folder);
  REQUIRE(store.create(named("alice"), 1));
  CHECK(store.create(named("alice"), 1).error().code() == errc::already_exists);
  REQUIRE(store.revoke("alice", 5));
  CHECK(store.revoke("alice", 5).error().code() == errc::not_found);
  CHECK(store.find("alice").error().code() == errc::not_found);
  CHECK(store.create(named("alice"), 6));
  const auto all = store.list();
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->front().revoked == 5);
  CHECK_FALSE(all->back().revoked);
}

TEST_CASE("limits change and spending adds up, seen by another connection") {
  const test::temporary_directory folder;
  key_store store = open_in(folder);
  REQUIRE(store.create(named("alice"), 1));
  REQUIRE(store.create(named("bob"), 1));
  key_store other = open_in(folder);
  const auto before = other.version();
  const key_limits limits{std::nullopt, 7, 9, key_priority::high};
  REQUIRE(store.set_limits("alice", limits));
  CHECK(store.set_limits("carol", limits).error().code() == errc::not_found);
  CHECK(other.version() != before);
  const std::array spent{key_spending{store.find("alice")->id, 5},
                         key_spending{store.find("bob")->id, 1}};
  REQUIRE(store.spend(spent));
  REQUIRE(other.spend(spent));
  CHECK(other.find("alice")->limits == limits);
  CHECK(store.find("alice")->spent_tokens == 10);
  CHECK(store.find("bob")->spent_tokens == 2);
}

TEST_CASE("money adds up exactly over two connections, period by period") {
  const test::temporary_directory folder;
  key_store store = open_in(folder);
  key_store other = open_in(folder);
  key_request wanted = named("alice");
  wanted.limits.money = money_budget{amount::parse("0.1").value(), budget_period::month};
  REQUIRE(store.create(wanted, 1));
  const std::int64_t id = store.find("alice")->id;
  CHECK(other.find("alice")->limits == wanted.limits);
  const auto spend = [id](key_store& in, const char* sum, std::int64_t since) {
    const std::array spent{key_spending{id, 1, {amount::parse(sum).value(), since}}};
    REQUIRE(in.spend(spent));
  };
  spend(store, "100000000000000.00000000000000001", 5);
  spend(other, "0.1", 5);
  CHECK(store.find("alice")->spent_money ==
        money_spent{amount::parse("100000000000000.10000000000000001").value(), 5});
  spend(other, "0.2", 9);
  spend(store, "0.3", 5);  // too late
  spend(store, "0.1", 9);
  CHECK(other.find("alice")->spent_money == money_spent{amount::parse("0.3").value(), 9});
  CHECK(other.find("alice")->spent_tokens == 5);
  REQUIRE(store.set_limits("alice", {}));
  CHECK_FALSE(other.find("alice")->limits.money);
}

TEST_CASE("a file that is missing, or holds something else, is refused") {
  const test::temporary_directory folder;
  const auto path = folder.path() / "keys.db";
  CHECK(key_store::open(path, key_store::missing_file::refuse).error().code() == errc::not_found);
  std::ofstream(path) << "[keys]\nalice = 'secret'\n" << std::string(1000, '#');
  CHECK(key_store::open(path, key_store::missing_file::create).error().code() == errc::corrupt);
}

}  // namespace
}  // namespace troupe
