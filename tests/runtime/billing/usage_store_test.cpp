#include "runtime/billing/usage_store.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/billing/ledger_places.hpp"

namespace troupe {
namespace {

using test::all_of;
using test::answer;

std::unique_ptr<usage_store> opened(const std::string& place) {
  auto store = open_usage_store(place);
  REQUIRE_MESSAGE(store.has_value(), store.error().message());
  return std::move(*store);
}

void put(usage_store& in, const std::vector<usage_record>& records) {
  std::vector<const usage_record*> told;
  for (const usage_record& r : records) told.push_back(&r);
  for (const auto& done : in.put(told)) REQUIRE_MESSAGE(done.has_value(), done.error().message());
}

}  // namespace

TEST_CASE("a record is kept whole by every store, and can be read while it is open") {
  const test::ledger_places stores;
  usage_record priced = answer("a");
  priced.reasoning = 3;
  priced.tokens.batch = true;
  priced.tokens.explicit_creation = 7;
  priced.cost->total = amount::parse("123456789012345678.12345678901234567").value();
  usage_record free = answer("b\"\\\n\xc3\xa4'");
  free.cost.reset();
  free.key.clear();
  free.cut = true;
  free.tokens.input = std::uint64_t{1} << 53U;
  for (const std::string& place : stores.all()) {
    CAPTURE(place);
    const auto store = opened(place);
    put(*store, {priced, free});
    const auto kept = all_of(place);
    REQUIRE(kept.size() == 2);
    CHECK(kept.at(priced.id) == priced);
    CHECK(kept.at(free.id) == free);
  }
}

TEST_CASE("an answer told twice counts once, and the fuller of two tellings stays") {
  const test::ledger_places stores;
  for (const std::string& place : stores.all()) {
    CAPTURE(place);
    const auto store = opened(place);
    put(*store, {answer("a", 5)});
    put(*store, {answer("a", 5)});
    put(*store, {answer("a", 4)});
    CHECK(all_of(place).at("a") == answer("a", 5));
    put(*store, {answer("a", 9)});
    CHECK(all_of(place).at("a") == answer("a", 9));
    // At once, in any order.
    put(*store, {answer("c", 2), answer("b", 1), answer("c", 3), answer("c", 1), answer("b", 1)});
    const auto kept = all_of(place);
    CHECK(kept.size() == 3);
    CHECK(kept.at("b") == answer("b", 1));
    CHECK(kept.at("c") == answer("c", 3));
    put(*store, {});
  }
}

TEST_CASE("what stores have in common comes once, the fuller one") {
  const test::ledger_places some;
  const test::ledger_places others;
  std::vector<std::string> places = some.all();
  places.insert(places.end(), others.all().begin(), others.all().end());
  std::uint64_t output = 1;
  for (const std::string& place : places) {
    const auto store = opened(place);
    put(*store, {answer("both", output++), answer("of " + place)});
  }
  const auto kept = all_of(places);
  CHECK(kept.size() == places.size() + 1);
  CHECK(kept.at("both") == answer("both", output - 1));
}

TEST_CASE("a span of time holds its first second and not its last, in every store") {
  const test::ledger_places stores;
  for (const std::string& place : stores.all()) {
    CAPTURE(place);
    const auto store = opened(place);
    std::vector<usage_record> records;
    // More than one fetch of the reader.
    constexpr std::int64_t many = 2'500;
    for (std::int64_t i = 0; i < many; ++i) {
      records.push_back(answer("id" + std::to_string(i)));
      records.back().created = i;
    }
    put(*store, records);
    CHECK(all_of(std::vector{place}).size() == many);
    const auto some = all_of(std::vector{place}, {10, 12});
    CHECK(some.size() == 2);
    CHECK(some.contains("id10"));
    CHECK(some.contains("id11"));
    CHECK(all_of(std::vector{place}, {many, many + 1}).empty());
  }
}

}  // namespace troupe
