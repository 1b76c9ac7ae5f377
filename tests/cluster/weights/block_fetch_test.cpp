#include "cluster/weights/block_fetch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace troupe {
namespace {

using asks = std::vector<block_fetch::ask>;
constexpr peer_id one = 11;
constexpr peer_id two = 22;
const block_fetch::clock::time_point start{};

}  // namespace

TEST_CASE("peers are asked in turn, a few blocks each, and again as blocks come") {
  block_fetch fetch({0, 1, 2, 3, 4}, {one, two}, {.window = 2});
  // The last one from first to last, the others from all over.
  CHECK(fetch.next(start) == asks{{one, 0}, {two, 1}, {one, 3}, {two, 2}});
  CHECK(fetch.next(start).empty());
  CHECK(fetch.arrived(two, 1));
  CHECK(fetch.next(start) == asks{{two, 4}});
  for (const auto& [peer, block] : asks{{one, 0}, {one, 3}, {two, 2}, {two, 4}}) {
    CHECK_FALSE(fetch.done());
    CHECK(fetch.arrived(peer, block));
  }
  CHECK(fetch.done());
}

TEST_CASE("a block that nobody asked of that peer does not count") {
  block_fetch fetch({0}, {one, two}, {});
  CHECK(fetch.next(start) == asks{{one, 0}});
  CHECK_FALSE(fetch.arrived(two, 0));
  CHECK_FALSE(fetch.arrived(one, 9));
  CHECK(fetch.arrived(one, 0));
  CHECK_FALSE(fetch.arrived(one, 0));
  CHECK(fetch.done());
}

TEST_CASE("what a peer lacks, or was asked when it was lost, comes from another") {
  block_fetch fetch({0, 1}, {one, two}, {.window = 1});
  CHECK(fetch.next(start) == asks{{one, 0}, {two, 1}});
  fetch.lacks(one, 0);
  CHECK(fetch.next(start).empty());  // the other one is busy
  CHECK(fetch.arrived(two, 1));
  CHECK(fetch.next(start) == asks{{two, 0}});
  CHECK_FALSE(fetch.hopeless());
  fetch.give_up(two);
  CHECK(fetch.hopeless() == 0);
  CHECK_FALSE(fetch.arrived(two, 0));
  CHECK_FALSE(fetch.done());
}

TEST_CASE("a silent peer is given up once patience is over") {
  block_fetch fetch({0}, {one, two}, {.patience = std::chrono::seconds(3)});
  CHECK(fetch.next(start).size() == 1);
  CHECK(fetch.tick(start + std::chrono::seconds(3)).empty());
  CHECK(fetch.tick(start + std::chrono::seconds(4)) == std::vector<peer_id>{one});
  CHECK(fetch.next(start) == asks{{two, 0}});
}

TEST_CASE("the last is waited for longer, as many may ask it at once") {
  block_fetch fetch({0}, {one}, {.patience = std::chrono::seconds(3)});
  CHECK(fetch.next(start).size() == 1);
  CHECK(fetch.tick(start + std::chrono::seconds(119)).empty());
  CHECK(fetch.tick(start + std::chrono::seconds(121)) == std::vector<peer_id>{one});
  CHECK(fetch.hopeless() == 0);
}

TEST_CASE("who has a part is found to have it, and who has nothing is soon left alone") {
  constexpr std::uint32_t count = 40'000;
  std::vector<std::uint32_t> wanted(count);
  for (std::uint32_t i = 0; i < count; ++i) wanted[i] = i;
  std::vector<peer_id> sources(100);
  for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = 100 + i;
  const peer_id last = sources.back();
  const peer_id half = 150;
  block_fetch fetch(wanted, sources, {});
  std::map<peer_id, std::uint32_t> asked;
  std::map<peer_id, std::uint32_t> gave;
  while (!fetch.done()) {
    REQUIRE_FALSE(fetch.hopeless());
    for (const auto& [peer, block] : fetch.next(start)) {
      ++asked[peer];
      if (peer != last && (peer != half || block < count / 2)) {
        fetch.lacks(peer, block);
      } else {
        ++gave[peer];
        CHECK(fetch.arrived(peer, block));
      }
    }
  }
  CHECK(gave[half] + gave[last] == count);
  CHECK(gave[half] > count / 8);
  for (const auto& [peer, times] : asked)
    if (peer != last && peer != half) CHECK(times <= 64 + 4);
}

TEST_CASE("whatever peers do, every block comes or is known to be hopeless") {
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> wanted(random() % 20);
    for (std::uint32_t i = 0; i < wanted.size(); ++i) wanted[i] = i;
    block_fetch fetch(wanted, {one, two, 33},
                      {.window = static_cast<std::uint32_t>(1 + random() % 3)});
    std::set<std::uint32_t> got;
    int steps = 0;
    while (!fetch.done() && !fetch.hopeless() && ++steps < 1000) {
      for (const auto& [peer, block] : fetch.next(start)) {
        const auto fate = random() % 12;
        if (fate == 0) fetch.give_up(peer);
        if (fate == 1) fetch.lacks(peer, block);
        if (fate > 1 && fetch.arrived(peer, block)) CHECK(got.insert(block).second);
      }
    }
    CHECK(steps < 1000);
    CHECK((fetch.hopeless() || got.size() == wanted.size()));
  }
}

}  // namespace troupe
