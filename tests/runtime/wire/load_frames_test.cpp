#include "runtime/wire/load_frames.hpp"

#include <doctest/doctest.h>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"
#include "tests/runtime/wire/random_frames.hpp"

namespace troupe {
namespace {

constexpr load_bounds bounds{8, 16, 4};

expert_load_report random_report(test::generator& random) {
  expert_load_report r;
  r.epoch = random();
  r.first = test::pick(random, 0, 4);
  r.experts = test::pick(random, 1, 16);
  r.rows.resize(std::size_t{test::pick(random, 0, 4)} * r.experts);
  for (std::uint32_t& rows : r.rows) rows = static_cast<std::uint32_t>(random());
  for (std::uint32_t n = test::pick(random, 0, 4); n > 0; --n) {
    r.nodes.push_back(random());
    r.outputs.push_back(random());
  }
  return r;
}

std::string why(const expert_load_report& report) {
  const auto decoded = decode_expert_load(encode_expert_load(report), bounds);
  REQUIRE_FALSE(decoded);
  return decoded.error().message();
}

TEST_CASE("a report of experts' load comes out as it went in, and nothing done to it does harm") {
  test::generator random(3);
  for (int round = 0; round < 200; ++round) {
    const expert_load_report report = random_report(random);
    const auto header = encode_expert_load(report);
    CHECK(decode_expert_load(header, bounds).value() == report);
    CHECK(epoch_of(header).value() == report.epoch);
  }
  for (int round = 0; round < 10; ++round)
    test::mistreat(
        encode_expert_load(random_report(random)), random, encode_expert_load,
        [](const std::vector<std::byte>& header) { return decode_expert_load(header, bounds); });
}

TEST_CASE("reports of what no model here has are refused, and say why") {
  CHECK(why({1, 0, 0, {}, {}, {}}) == "expert load: 0 experts of a layer, 1 .. 16 may be");
  CHECK(why({1, 0, 17, {}, {}, {}}) == "expert load: 17 experts of a layer, 1 .. 16 may be");
  CHECK(why({1, 0, 2, {1, 2, 3}, {}, {}}) == "expert load: 3 numbers for layers of 2 experts");
  CHECK(why({1, 7, 1, {1, 2}, {}, {}}) == "expert load: 2 layers from 7 of 8");
  CHECK(why({1, 9, 1, {}, {}, {}}) == "expert load: 0 layers from 9 of 8");
  CHECK(why({1, 0, 1, {}, {5}, {}}) == "expert load: 0 numbers for 1 nodes");
}

}  // namespace
}  // namespace troupe
