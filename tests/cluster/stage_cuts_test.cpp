#include "cluster/stage_cuts.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "cluster/expert_cuts.hpp"
#include "tests/cluster/cluster_support.hpp"

namespace troupe::test {
namespace {

using ranges = std::vector<layer_range>;
constexpr std::size_t any = std::numeric_limits<std::size_t>::max();

std::size_t nothing(layer_range) { return 0; }
std::size_t layers_of(layer_range r) { return r.count(); }

TEST_CASE("equal layers on equal nodes differ by at most one layer") {
  for (std::uint32_t layers = 1; layers < 24; ++layers) {
    for (std::uint32_t stages = 1; stages <= layers; ++stages) {
      const std::vector<double> costs(layers, 1.0);
      const auto cut = cut_stages(costs, std::vector<stage_slot>(stages, {1, any}), nothing);
      REQUIRE(cut);
      for (const layer_range& r : *cut) {
        REQUIRE(r.count() >= layers / stages);
        REQUIRE(r.count() <= layers / stages + 1);
      }
    }
  }
}

TEST_CASE("a faster node takes more layers, a dear layer counts for what it costs") {
  const std::vector<double> even(12, 1.0);
  const std::vector<stage_slot> uneven{{1, any}, {2, any}, {3, any}};
  CHECK(cut_stages(even, uneven, nothing).value() == ranges{{0, 2}, {2, 6}, {6, 12}});
  const std::vector<double> head_heavy{1, 1, 1, 1, 1, 5};
  const std::vector<stage_slot> two{{1, any}, {1, any}};
  CHECK(cut_stages(head_heavy, two, nothing).value() == ranges{{0, 5}, {5, 6}});
}

TEST_CASE("no stage is larger than its node's memory") {
  const std::vector<double> even(12, 1.0);
  const std::vector<stage_slot> small{{1, 2}, {1, 8}, {1, 3}};
  CHECK(cut_stages(even, small, layers_of).value() == ranges{{0, 2}, {2, 9}, {9, 12}});
  const std::vector<stage_slot> too_small{{1, 2}, {1, 3}, {1, 3}};
  CHECK(cut_stages(even, too_small, layers_of).error().code() == errc::out_of_memory);
  const std::vector<stage_slot> none{{1, 0}};
  CHECK(cut_stages(even, none, layers_of).error().message() ==
        "layer 0 takes 1 bytes, no node has more than 0");
}

TEST_CASE("a slot that is to be cut further gets the layers for that") {
  const std::vector<double> even(6, 1.0);
  const std::vector<stage_slot> slow_twice{{0.01, any, 2}, {1, any, 1}};
  CHECK(cut_stages(even, slow_twice, nothing).value() == ranges{{0, 2}, {2, 6}});
}

TEST_CASE("more stages than layers, or none, are refused") {
  const std::vector<double> costs(2, 1.0);
  CHECK(cut_stages(costs, std::vector<stage_slot>(3), nothing).error().message() ==
        "3 stages: a model of 2 layers takes 1 to 2");
  CHECK_FALSE(cut_stages(costs, {}, nothing));
}

TEST_CASE("experts are cut in proportion, and what is uneven in one layer is made up in the next") {
  for (const std::uint32_t experts : {1U, 3U, 8U, 128U}) {
    const model_sizes sizes = even_model(48, 1, 4, experts);
    const std::vector<double> weights{1, 2, 1, 4};
    const auto shards = cut_experts(sizes, weights);
    const auto whole = static_cast<double>(48 * experts);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      std::uint32_t held = 0;
      for (const expert_range& r : shards[i]) held += r.count;
      CHECK(held == doctest::Approx(whole * weights[i] / 8).epsilon(0.1));
    }
  }
}

}  // namespace
}  // namespace troupe::test
