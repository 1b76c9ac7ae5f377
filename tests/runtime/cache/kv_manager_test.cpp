#include "runtime/cache/kv_manager.hpp"

#include <doctest/doctest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>

namespace troupe {
namespace {

std::vector<token_id> counting(std::size_t n, token_id from = 0) {
  std::vector<token_id> tokens(n);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

TEST_CASE("a committed prefix is found by a later sequence, in whole pages") {
  kv_manager m({.page_size = 4, .pages = 8});
  const auto prompt = counting(10);
  CHECK(m.open(1, prompt, 9).value() == 0);
  REQUIRE(m.extend(1, 10));
  REQUIRE(m.commit(1, 0, std::span(prompt).first(8)));
  CHECK(m.open(2, prompt, 9).value() == 8);
  CHECK(m.table(2).value()->front() == m.table(1).value()->front());
  // One position short of two pages: only the first can be used.
  CHECK(m.open(3, prompt, 7).value() == 4);
  auto other = prompt;
  other[5] = 99;
  CHECK(m.open(4, other, 9).value() == 4);
}

TEST_CASE("the same block after another prefix is not the same") {
  kv_manager m({.page_size = 2, .pages = 8});
  const std::vector<token_id> a{1, 2, 7, 7};
  const std::vector<token_id> b{3, 4, 7, 7};
  REQUIRE(m.open(1, a, 3));
  REQUIRE(m.extend(1, 4));
  REQUIRE(m.commit(1, 0, a));
  CHECK(m.open(2, b, 3).value() == 0);
}

TEST_CASE("what one space has left is not found in another") {
  kv_manager m({.page_size = 2, .pages = 16});
  const auto prompt = counting(6);
  REQUIRE(m.open(1, prompt, 6, 1));
  REQUIRE(m.extend(1, 6));
  REQUIRE(m.commit(1, 0, prompt));
  CHECK(m.open(2, prompt, 6, 2).value() == 0);
  CHECK(m.open(3, prompt, 6).value() == 0);
  CHECK(m.open(4, prompt, 6, 1).value() == 6);
  // Each has its own.
  REQUIRE(m.extend(2, 6));
  REQUIRE(m.commit(2, 0, prompt));
  m.release(1);
  m.release(4);
  CHECK(m.open(5, prompt, 6, 2).value() == 6);
  CHECK(m.table(5).value()->front() == m.table(2).value()->front());
}

TEST_CASE("a refused extend changes nothing, and room comes back with a release") {
  kv_manager m({.page_size = 4, .pages = 3});
  REQUIRE(m.open(1, counting(4), 3));
  REQUIRE(m.open(2, counting(4, 50), 3));
  REQUIRE(m.extend(1, 8));
  REQUIRE(m.extend(2, 4));
  const auto refused = m.extend(2, 5);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::exhausted);
  CHECK(m.table(2).value()->size() == 1);
  m.release(1);
  CHECK(m.extend(2, 12));
}

TEST_CASE("a prefix outlives its sequence until its memory is needed, leaves going first") {
  kv_manager m({.page_size = 2, .pages = 3});
  const auto prompt = counting(6);
  REQUIRE(m.open(1, prompt, 5));
  REQUIRE(m.extend(1, 6));
  REQUIRE(m.commit(1, 0, prompt));
  m.release(1);
  CHECK(m.pool().cached() == 3);
  REQUIRE(m.open(2, counting(2, 90), 1));
  REQUIRE(m.extend(2, 2));
  CHECK(m.counts().evicted == 1);
  CHECK(m.open(3, prompt, 5).value() == 4);
}

TEST_CASE("with reuse off nothing is ever found") {
  kv_manager m({.page_size = 2, .pages = 4, .reuse_prefixes = false});
  const auto prompt = counting(4);
  REQUIRE(m.open(1, prompt, 3));
  REQUIRE(m.extend(1, 4));
  REQUIRE(m.commit(1, 0, prompt));
  CHECK(m.open(2, prompt, 3).value() == 0);
  m.release(1);
  CHECK(m.pool().cached() == 0);
}

TEST_CASE("wrong calls are refused with a reason") {
  kv_manager m({.page_size = 4, .pages = 4});
  CHECK(m.extend(9, 1).error().code() == errc::not_found);
  CHECK(m.commit(9, 0, {}).error().code() == errc::not_found);
  CHECK(m.table(9).error().code() == errc::not_found);
  REQUIRE(m.open(1, counting(4), 3));
  CHECK(m.open(1, counting(4), 3).error().code() == errc::already_exists);
  CHECK(m.commit(1, 4, counting(4)).error().code() == errc::invalid_argument);
  CHECK(m.commit(1, 0, counting(4)).error().code() == errc::out_of_range);
  m.release(77);
}

TEST_CASE("a table that a step holds does not change under it") {
  kv_manager m({.page_size = 2, .pages = 4});
  REQUIRE(m.open(1, counting(2), 1));
  REQUIRE(m.extend(1, 2));
  const page_table before = m.table(1).value();
  REQUIRE(m.extend(1, 6));
  CHECK(before->size() == 1);
  m.release(1);
  CHECK(before->size() == 1);
}

TEST_CASE(
    "whatever happens, no page has two owners that did not share a prefix, and none is lost") {
  constexpr std::uint32_t pages = 24;
  constexpr std::uint32_t size = 4;
  kv_manager m({.page_size = size, .pages = pages});
  std::mt19937 random(11);
  struct model_sequence {
    std::vector<token_id> tokens;
    std::uint32_t granted = 0;
    std::uint32_t committed = 0;
  };
  std::map<sequence_id, model_sequence> live;
  sequence_id next = 1;
  for (int step = 0; step < 20'000; ++step) {
    const auto roll = random() % 10;
    if (roll < 3 && live.size() < 6) {
      model_sequence s;
      const auto length = 1 + random() % 30;
      for (std::size_t i = 0; i < length; ++i)
        s.tokens.push_back(static_cast<token_id>(random() % 2));
      const auto found = m.open(next, s.tokens, static_cast<std::uint32_t>(length - 1));
      REQUIRE(found);
      REQUIRE(*found % size == 0);
      s.granted = s.committed = *found;
      live.emplace(next++, std::move(s));
    } else if (!live.empty()) {
      auto at = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
      auto& [id, s] = *at;
      if (roll < 6) {
        if (m.extend(id, static_cast<std::uint32_t>(s.tokens.size())))
          s.granted = static_cast<std::uint32_t>(s.tokens.size());
      } else if (roll < 8) {
        const std::uint32_t full = s.granted / size * size;
        if (full > s.committed) {
          REQUIRE(m.commit(id, s.committed,
                           std::span(s.tokens).subspan(s.committed, full - s.committed)));
          s.committed = full;
        }
      } else {
        m.release(id);
        live.erase(at);
      }
    }
    // Sequences that share a page agree on every token up to its end.
    std::map<std::int32_t, std::vector<token_id>> holder;
    std::set<std::int32_t> used;
    for (const auto& [id, s] : live) {
      const auto table = m.table(id).value();
      for (std::size_t p = 0; p < table->size(); ++p) {
        used.insert((*table)[p]);
        if ((p + 1) * size > s.tokens.size()) continue;
        const std::vector<token_id> prefix(
            s.tokens.begin(), s.tokens.begin() + static_cast<std::ptrdiff_t>((p + 1) * size));
        const auto [place, fresh] = holder.try_emplace((*table)[p], prefix);
        REQUIRE(place->second == prefix);
      }
    }
    REQUIRE(used.size() + m.pool().available() == pages);
  }
}

}  // namespace
}  // namespace troupe
