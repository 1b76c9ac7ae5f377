#include "runtime/wire/traffic.hpp"

#include <doctest/doctest.h>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"

namespace troupe {
namespace {

TEST_CASE("a meter counts frames, headers and payloads by kind") {
  traffic_meter meter;
  CHECK(meter.read().empty());
  meter.count(frames::step, 100, 2000);
  meter.count(frames::kv_record, 50, 700);
  meter.count(frames::step, 120, 2000);
  CHECK(meter.read() ==
        std::vector<kind_traffic>{{frames::step, 2, 220, 4000}, {frames::kv_record, 1, 50, 700}});
}

TEST_CASE("a kind past those that a meter has is counted all the same") {
  traffic_meter meter;
  meter.count(traffic_meter::kinds, 1, 2);
  meter.count(0xffff, 3, 4);
  CHECK(meter.read() == std::vector<kind_traffic>{{0, 2, 4, 6}});
}

TEST_CASE("a report comes out as it went in") {
  const node_traffic report{7, {{frames::step, 2, 220, 4000}, {frames::kv_record, 1, 50, 700}}};
  CHECK(decode_traffic(encode_traffic(report)).value() == report);
  CHECK(decode_traffic(encode_traffic({})).value() == node_traffic{});
}

TEST_CASE("cut, flipped or boastful reports never do harm") {
  test::generator random(8);
  for (int round = 0; round < 20; ++round) {
    const node_traffic report{random(), {{1, random(), random(), random()}, {9, 1, 2, 3}}};
    test::mistreat(encode_traffic(report), random, encode_traffic, decode_traffic);
  }
}

TEST_CASE("a report that names a kind twice, or too many, is refused") {
  const auto twice = decode_traffic(encode_traffic({1, {{4, 1, 1, 1}, {4, 1, 1, 1}}}));
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message() == "traffic: kind 4 after kind 4");
  node_traffic many;
  for (frame_kind kind = 0; kind <= traffic_meter::kinds; ++kind)
    many.kinds.push_back({kind, 1, 1, 1});
  CHECK(decode_traffic(encode_traffic(many)).error().code() == errc::out_of_range);
}

}  // namespace
}  // namespace troupe
