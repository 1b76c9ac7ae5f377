#include "cluster/expert_load.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace troupe::test {

using namespace std::chrono_literals;

namespace {

expert_load::time_point at(std::chrono::milliseconds t) { return expert_load::time_point() + t; }

}  // namespace

TEST_CASE("choices are counted by layer and expert, what is no expert is not") {
  expert_load load(2, 3, 8s);
  const std::vector<std::int32_t> ids = {0, 2, 2, -1, 3, 2};
  load.note(1, ids, at(100ms));
  load.note(2, ids, at(100ms));
  CHECK(load.within_window(at(200ms)) == expert_loads{{0, 0, 0}, {1, 0, 3}});
}

TEST_CASE("rows that were counted elsewhere are added, what is not of the model is not") {
  expert_load load(2, 3, 8s);
  const std::vector<std::uint32_t> rows = {4, 0, 1, 9};
  load.add(0, rows, at(100ms));
  load.add(0, std::span(rows).first(1), at(200ms));
  load.add(2, rows, at(200ms));
  CHECK(load.within_window(at(300ms)) == expert_loads{{8, 0, 1}, {0, 0, 0}});
  CHECK(load.within_window(at(20s)) == expert_loads{{0, 0, 0}, {0, 0, 0}});
}

TEST_CASE("what is older than the window does not count") {
  expert_load load(1, 1, 8s);
  const std::vector<std::int32_t> one = {0};
  const auto rows = [&](std::chrono::milliseconds t) { return load.within_window(at(t))[0][0]; };
  for (std::uint64_t second = 0; second < 100; ++second) {
    load.note(0, one, at(second * 1s));
    CHECK(rows(second * 1s) == std::min<std::uint64_t>(second + 1, 8));
  }
  CHECK(rows(103s) == 4);
  load.note(0, one, at(1s));  // late news counts with the newest
  CHECK(rows(103s) == 5);
  CHECK(rows(107s) == 1);
  CHECK(rows(1000s) == 0);
}

}  // namespace troupe::test
