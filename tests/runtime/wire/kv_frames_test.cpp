#include "runtime/wire/kv_frames.hpp"

#include <doctest/doctest.h>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"
#include "tests/runtime/wire/random_frames.hpp"

namespace troupe {
namespace {

TEST_CASE("records, pieces and acknowledgements come out as they went in") {
  test::generator random(5);
  for (int round = 0; round < 300; ++round) {
    const kv_record record = test::random_record(random);
    const kv_snapshot piece = test::random_snapshot(random);
    const kv_durable durable{random(), random(), test::pick(random, 0, 9)};
    CHECK(decode_kv_record(encode_kv_record(record)).value() == record);
    CHECK(decode_kv_snapshot(encode_kv_snapshot(piece)).value() == piece);
    CHECK(decode_kv_durable(encode_kv_durable(durable)).value() == durable);
    CHECK(epoch_of(encode_kv_record(record)).value() == record.epoch);
    CHECK(epoch_of(encode_kv_snapshot(piece)).value() == piece.epoch);
    CHECK(epoch_of(encode_kv_durable(durable)).value() == durable.epoch);
  }
}

TEST_CASE("cut, flipped or boastful KV frames never do harm") {
  test::generator random(6);
  for (int round = 0; round < 20; ++round) {
    test::mistreat(encode_kv_record(test::random_record(random)), random, encode_kv_record,
                   decode_kv_record);
    test::mistreat(encode_kv_snapshot(test::random_snapshot(random)), random, encode_kv_snapshot,
                   decode_kv_snapshot);
    test::mistreat(encode_kv_durable({random(), random(), 1}), random, encode_kv_durable,
                   decode_kv_durable);
  }
}

TEST_CASE("a run that is empty, leaves 32 bits or names a negative page is refused") {
  const auto why = [](const kv_run& run) {
    const auto decoded = decode_kv_record(encode_kv_record({1, 2, 3, {}, true, {run}, {}}));
    REQUIRE_FALSE(decoded);
    return decoded.error().message();
  };
  CHECK(why({7, 5, 0, 0, {}}) == "kv record: sequence 7: no positions");
  CHECK(why({7, 0xffffffff, 1, 0, {}}) == "kv record: sequence 7: 1 positions from 4294967295");
  CHECK(why({7, 0, 1, 0, {4, -2}}) == "kv record: page -2");
}

}  // namespace
}  // namespace troupe
