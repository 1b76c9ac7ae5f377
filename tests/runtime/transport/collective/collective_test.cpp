#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "runtime/transport/collective/inproc_collective.hpp"

namespace troupe {
namespace {

using clock = collective::clock;
const clock::time_point start{};
const clock::time_point never = clock::time_point::max();

/// How a call ended, once it has.
struct outcome {
  std::optional<result<void>> end;
  collective::done_fn note() {
    return [this](result<void> r) { end = std::move(r); };
  }
  [[nodiscard]] bool open() const { return !end; }
  [[nodiscard]] bool good() const { return end && end->has_value(); }
  [[nodiscard]] errc code() const { return end->error().code(); }
};

}  // namespace

TEST_CASE("all_gather brings every rank's numbers to every rank, in rank order") {
  auto ends = make_inproc_collective(3, 7);
  CHECK(ends[2]->rank() == 2);
  CHECK(ends[0]->ranks() == 3);
  CHECK(ends[1]->epoch() == 7);
  std::vector<std::vector<float>> all(3, std::vector<float>(6));
  const std::vector<std::vector<float>> mine = {{0, 10}, {1, 11}, {2, 12}};
  std::vector<outcome> done(3);
  for (const std::uint32_t r : {2U, 0U, 1U}) {
    CHECK(done[2].open());
    REQUIRE(ends[r]->all_gather(mine[r].data(), all[r].data(), 2, never, done[r].note()));
  }
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(done[r].good());
    CHECK(all[r] == std::vector<float>{0, 10, 1, 11, 2, 12});
  }
  std::vector<float> rows(6);
  place_columns(all[0].data(), 3, 2, 1, rows.data());
  CHECK(rows == std::vector<float>{0, 1, 2, 10, 11, 12});
}

TEST_CASE("all_reduce adds in rank order, whoever comes last") {
  std::mt19937 random(3);
  std::vector<float> first;
  for (int round = 0; round < 6; ++round) {
    auto ends = make_inproc_collective(4, 1);
    std::vector<std::vector<float>> data;
    std::mt19937 numbers(5);
    for (int r = 0; r < 4; ++r) {
      std::vector<float> mine(33);
      for (float& x : mine) x = std::normal_distribution<float>()(numbers);
      data.push_back(mine);
    }
    std::vector<outcome> done(4);
    std::vector<std::uint32_t> order = {0, 1, 2, 3};
    std::shuffle(order.begin(), order.end(), random);
    for (const std::uint32_t r : order)
      REQUIRE(ends[r]->all_reduce(data[r].data(), 33, never, done[r].note()));
    for (int r = 0; r < 4; ++r) CHECK(data[r] == data[0]);
    if (round == 0) first = data[0];
    CHECK(data[0] == first);
  }
}

TEST_CASE("a call that nobody joins ends at its deadline, and with it the group") {
  auto ends = make_inproc_collective(2, 4);
  float mine = 1;
  float all[2];
  outcome first;
  outcome second;
  REQUIRE(ends[0]->all_gather(&mine, all, 1, start + std::chrono::seconds(5), first.note()));
  REQUIRE(ends[0]->all_reduce(&mine, 1, never, second.note()));
  ends[1]->progress(start + std::chrono::seconds(4));
  CHECK(first.open());
  ends[1]->progress(start + std::chrono::seconds(5));
  CHECK(first.code() == errc::deadline_exceeded);
  CHECK(second.code() == errc::deadline_exceeded);
  outcome late;
  CHECK(ends[1]->all_gather(&mine, all, 1, never, late.note()).error().code() ==
        errc::deadline_exceeded);
  CHECK(late.open());
}

TEST_CASE("a rank that goes, or aborts, ends the others' calls; a new group begins anew") {
  auto ends = make_inproc_collective(3, 4);
  float mine[3] = {};
  outcome done[2];
  REQUIRE(ends[0]->all_reduce(&mine[0], 1, never, done[0].note()));
  REQUIRE(ends[2]->all_reduce(&mine[2], 1, never, done[1].note()));
  ends[1].reset();
  CHECK(done[0].code() == errc::unavailable);
  CHECK(done[1].code() == errc::unavailable);
  ends[0]->abort(error(errc::cancelled, "too late: the first reason counts"));
  CHECK(ends[0]->all_reduce(&mine[0], 1, never, {}).error().code() == errc::unavailable);
  auto again = make_inproc_collective(2, 5);
  REQUIRE(again[0]->all_reduce(&mine[0], 1, never, done[0].note()));
  again[0]->abort(error(errc::stale_epoch, "a newer placement"));
  CHECK(done[0].code() == errc::stale_epoch);
}

TEST_CASE("ranks that make different calls are told so, and what is open has a bound") {
  auto ends = make_inproc_collective(2, 1);
  std::vector<float> a(4);
  std::vector<float> b(4);
  outcome first;
  REQUIRE(ends[0]->all_reduce(a.data(), 4, never, first.note()));
  CHECK(ends[1]->all_reduce(b.data(), 3, never, {}).error().code() == errc::internal);
  CHECK(first.code() == errc::internal);

  ends = make_inproc_collective(2, 2);
  std::vector<outcome> open(collective::most_open + 1);
  for (std::size_t i = 0; i < collective::most_open; ++i)
    REQUIRE(ends[0]->all_reduce(a.data(), 4, never, open[i].note()));
  CHECK(ends[0]->all_reduce(a.data(), 4, never, open.back().note()).error().code() ==
        errc::exhausted);
  REQUIRE(ends[1]->all_reduce(b.data(), 4, never, [](const result<void>&) {}));
  CHECK(open[0].good());
  CHECK(ends[0]->all_reduce(a.data(), 4, never, open.back().note()));
  ends.clear();
}

TEST_CASE("ranks on threads of their own compute together") {
  constexpr std::uint32_t ranks = 4;
  auto ends = make_inproc_collective(ranks, 9);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    threads.emplace_back([&, r] {
      for (int i = 0; i < 200; ++i) {
        const float mine = static_cast<float>(r * 1000 + static_cast<std::uint32_t>(i));
        float all[ranks];
        std::atomic<bool> there = false;
        if (!ends[r]->all_gather(&mine, all, 1, never,
                                 [&](const result<void>& done) { there.store(done.has_value()); }))
          ++wrong;
        const auto deadline = clock::now() + std::chrono::seconds(30);
        while (!there.load() && clock::now() < deadline) std::this_thread::yield();
        for (std::uint32_t k = 0; k < ranks; ++k)
          wrong += all[k] == static_cast<float>(k * 1000 + static_cast<std::uint32_t>(i)) ? 0 : 1;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}

}  // namespace troupe
