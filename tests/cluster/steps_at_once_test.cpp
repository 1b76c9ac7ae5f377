#include "cluster/steps_at_once.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace troupe {
namespace {

std::vector<stage_place> on_four_nodes(const std::string& host, std::uint32_t threads) {
  return {{1, host, threads}, {2, host, threads}, {3, host, threads}, {4, host, threads}};
}

}  // namespace

TEST_CASE("a step for each node, wherever they are, while there are processors for all") {
  CHECK(steps_at_once(on_four_nodes("far", 64), "here", 2) == 4);
  CHECK(steps_at_once(on_four_nodes("here", 1), "here", 4) == 4);
  CHECK(steps_at_once(on_four_nodes("here", 16), "here", 64) == 4);
  CHECK(steps_at_once({}, "here", 2) == 1);
}

TEST_CASE("nodes that share this machine's processors take turns") {
  CHECK(steps_at_once(on_four_nodes("here", 1), "here", 2) == 2);
  CHECK(steps_at_once(on_four_nodes("here", 1), "here", 1) == 1);
  CHECK(steps_at_once(on_four_nodes("here", 2), "here", 4) == 2);
  CHECK(steps_at_once(on_four_nodes("here", 8), "here", 1) == 1);
  auto mixed = on_four_nodes("here", 1);
  mixed.push_back({5, "far", 1});
  CHECK(steps_at_once(mixed, "here", 2) == 3);
}

TEST_CASE("stages of one node take turns") {
  const std::vector<stage_place> stages{{1, "a", 1}, {2, "b", 1}, {1, "a", 1}};
  CHECK(steps_at_once(stages, "here", 1) == 2);
  CHECK(steps_at_once(stages, "a", 1) == 2);
}

}  // namespace troupe
