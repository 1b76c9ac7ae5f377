#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "runtime/cache/kv_manager.hpp"

namespace troupe {
namespace {

std::vector<token_id> counting(std::size_t n, token_id from = 0) {
  std::vector<token_id> tokens(n);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

TEST_CASE("an adopted sequence has its pages, and shared ones have as many users as tables") {
  kv_manager m({.page_size = 4, .pages = 8});
  REQUIRE(m.adopt(1, std::vector<std::int32_t>{5, 2}));
  REQUIRE(m.adopt(2, std::vector<std::int32_t>{5, 7}));
  CHECK(m.pool().available() == 5);
  CHECK(m.pool().users(5) == 2);
  CHECK(*m.table(2).value() == std::vector<std::int32_t>{5, 7});
  m.release(1);
  CHECK(m.pool().available() == 6);
  // What is free is given out once each, and no adopted page with it.
  REQUIRE(m.open(3, counting(24), 23));
  REQUIRE(m.extend(3, 24));
  for (const std::int32_t page : *m.table(3).value()) CHECK((page != 5 && page != 7));
  CHECK_FALSE(m.extend(3, 25));
}

TEST_CASE("tables that no sequence can have are refused and change nothing") {
  kv_manager m({.page_size = 4, .pages = 4});
  REQUIRE(m.adopt(1, std::vector<std::int32_t>{0}));
  CHECK(m.adopt(1, std::vector<std::int32_t>{1}).error().code() == errc::already_exists);
  CHECK(m.adopt(2, std::vector<std::int32_t>{1, 4}).error().code() == errc::out_of_range);
  CHECK(m.adopt(2, std::vector<std::int32_t>{-1}).error().code() == errc::out_of_range);
  CHECK(m.adopt(2, std::vector<std::int32_t>{1, 2, 1}).error().code() == errc::invalid_argument);
  CHECK(m.open_sequences() == 1);
  CHECK(m.pool().available() == 3);
}

TEST_CASE("a reconcile closes, trims, commits and opens") {
  kv_manager m({.page_size = 4, .pages = 16});
  const auto text = counting(12);
  REQUIRE(m.adopt(1, std::vector<std::int32_t>{3, 4, 5}));
  REQUIRE(m.adopt(2, std::vector<std::int32_t>{6}));
  const std::vector<kv_standing> standings = {
      {9, text, 8, 4},   // it lacks this one, whose beginning is that of the next
      {1, text, 10, 8},  // two whole pages may be reused, the third is half full
      {5, counting(4, 50), 3, 0},
  };
  const auto held = m.reconcile(standings);
  CHECK(held == std::vector<std::uint32_t>{8, 10, 0});
  CHECK(m.open_sequences() == 3);
  CHECK_FALSE(m.table(2));
  CHECK(*m.table(1).value() == std::vector<std::int32_t>{3, 4, 5});
  CHECK(*m.table(9).value() == std::vector<std::int32_t>{3, 4});
  CHECK(m.commit(1, 8, std::span(text).subspan(8, 4)));  // goes on where it stands
  CHECK(m.open(10, text, 12).value() == 12);
  // Again, with less: pages past it go back.
  const std::vector<kv_standing> less = {{1, text, 4, 4}};
  CHECK(m.reconcile(less) == std::vector<std::uint32_t>{4});
  CHECK(m.open_sequences() == 1);
  CHECK(m.pool().available() == 15);
}

TEST_CASE("what another batcher goes on with is found by its sequences, and nothing else is") {
  kv_manager m({.page_size = 4, .pages = 8});
  const auto text = counting(12);
  REQUIRE(m.open(1, text, 11).value() == 0);
  REQUIRE(m.extend(1, 12));
  REQUIRE(m.commit(1, 0, std::span(text).first(8)));  // the third page is written in part
  REQUIRE(m.open(2, counting(4, 70), 3).value() == 0);
  REQUIRE(m.extend(2, 4));
  const std::vector<std::int32_t> pages = *m.table(1).value();
  m.close_all();
  CHECK(m.open_sequences() == 0);
  CHECK(m.pool().available() == 8);
  const std::vector<bool> known = m.known_pages();
  CHECK(std::ranges::count(known, true) == 2);
  CHECK(known[static_cast<std::size_t>(pages[0])]);
  CHECK(known[static_cast<std::size_t>(pages[1])]);
  // The numbers of sequences begin anew.
  CHECK(m.open(1, text, 11).value() == 8);
  CHECK(m.open(2, counting(4, 70), 3).value() == 0);
}

TEST_CASE("a page that others may read is given up before it is written again") {
  kv_manager m({.page_size = 4, .pages = 8});
  const auto text = counting(8);
  REQUIRE(m.open(1, text, 7));
  REQUIRE(m.extend(1, 8));
  REQUIRE(m.commit(1, 0, text));
  const std::vector<kv_standing> back = {{1, text, 6, 4}};
  CHECK(m.reconcile(back) == std::vector<std::uint32_t>{4});
  CHECK(m.table(1).value()->size() == 1);
  CHECK(m.open(2, text, 8).value() == 8);
}

TEST_CASE("standings that make no sense are survived") {
  kv_manager m({.page_size = 4, .pages = 4});
  REQUIRE(m.adopt(1, std::vector<std::int32_t>{0, 1}));
  const std::vector<kv_standing> odd = {
      {1, counting(6), 4000, 4000}, {1, counting(6), 6, 0}, {2, {}, 7, 7}, {2, {}, 0, 0}};
  const auto held = m.reconcile(odd);
  CHECK(held == std::vector<std::uint32_t>{6, 6, 0, 0});
  m.release(1);
  m.release(2);
  CHECK(m.pool().available() == 4);
}

TEST_CASE(
    "a manager made from another's tables agrees with it on what is held, and loses no page") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    kv_manager first({.page_size = 4, .pages = 40});
    std::map<sequence_id, std::vector<token_id>> live;
    for (sequence_id id = 1; id <= 6; ++id) {
      std::vector<token_id> text;
      const auto length = 1 + random() % 30;
      for (std::size_t i = 0; i < length; ++i)
        text.push_back(static_cast<token_id>(i < 12 ? random() % 2 : random() % 50));
      const auto found = first.open(id, text, static_cast<std::uint32_t>(length - 1)).value();
      if (!first.extend(id, static_cast<std::uint32_t>(length))) {
        first.release(id);
        continue;
      }
      const std::size_t full = length / 4 * 4;
      if (random() % 2 == 0 && full > found)
        REQUIRE(first.commit(id, found, std::span(text).subspan(found, full - found)));
      live.emplace(id, std::move(text));
    }
    kv_manager second({.page_size = 4, .pages = 40});
    std::vector<kv_standing> standings;
    for (const auto& [id, text] : live) {
      REQUIRE(second.adopt(id, *first.table(id).value()));
      if (random() % 4 == 0) continue;  // cancelled
      const auto positions = static_cast<std::uint32_t>(random() % (text.size() + 1));
      standings.push_back({id, text, positions, positions / 4 * 4});
    }
    const auto held = first.reconcile(standings);
    const auto taken_over = second.reconcile(standings);
    for (std::size_t i = 0; i < standings.size(); ++i) {
      REQUIRE(held[i] <= standings[i].positions);
      REQUIRE(held[i] + 4 > standings[i].positions);
      REQUIRE(taken_over[i] + 4 > standings[i].positions);
    }
    for (kv_manager* m : {&first, &second}) {
      for (const sequence_id id : m->open_ids()) m->release(id);
      REQUIRE(m->pool().available() == 40);
    }
  }
}

}  // namespace
}  // namespace troupe
