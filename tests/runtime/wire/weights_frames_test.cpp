#include "runtime/wire/weights_frames.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/wire/hostile.hpp"

namespace troupe {
namespace {

TEST_CASE("questions for weights and their answers come out as they went in") {
  const weights_ask ask{true, {0, 7, 4'000'000'000}};
  CHECK(decode_weights_ask(encode_weights_ask(ask)).value() == ask);
  const weights_answer answer{false, true, {7}};
  CHECK(decode_weights(encode_weights(answer)).value() == answer);
}

TEST_CASE("cut, flipped or boastful weight frames never do harm") {
  test::generator random(9);
  for (int round = 0; round < 10; ++round) {
    const auto block = static_cast<std::uint32_t>(random());
    test::mistreat(encode_weights_ask({round % 2 == 0, {block}}), random, encode_weights_ask,
                   decode_weights_ask);
    test::mistreat(encode_weights({round % 2 == 0, true, {block}}), random, encode_weights,
                   decode_weights);
  }
}

TEST_CASE("no blocks, too many, or bytes of more than one are refused") {
  CHECK_FALSE(decode_weights_ask(encode_weights_ask({true, {}})));
  CHECK_FALSE(decode_weights_ask(encode_weights_ask({false, {1, 2}})));
  CHECK_FALSE(decode_weights(encode_weights({false, true, {1, 2}})));
  CHECK(decode_weights_ask(
      encode_weights_ask({true, std::vector<std::uint32_t>(most_asked_blocks)})));
  CHECK_FALSE(decode_weights_ask(
      encode_weights_ask({true, std::vector<std::uint32_t>(most_asked_blocks + 1)})));
}

}  // namespace
}  // namespace troupe
