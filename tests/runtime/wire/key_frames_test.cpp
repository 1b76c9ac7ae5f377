#include "runtime/wire/key_frames.hpp"

#include <doctest/doctest.h>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"

namespace troupe {

TEST_CASE("what keys have taken comes over whole, and hostile frames do no harm") {
  test::generator random(7);
  const key_news news{3, {{1, 2, -3}, {~std::uint64_t{0}, -1, 1'000'000}}};
  const auto header = encode_key_news(news);
  const auto read = decode_key_news(header);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(read->sharers == 3);
  CHECK(read->taken == news.taken);
  CHECK(decode_key_news(encode_key_news({})).value().taken.empty());
  test::mistreat(header, random, encode_key_news, decode_key_news);

  key_news many;
  many.taken.resize(key_news::most);
  CHECK(decode_key_news(encode_key_news(many)).value().taken.size() == key_news::most);
  many.taken.resize(key_news::most + 1);
  CHECK_FALSE(decode_key_news(encode_key_news(many)));
  for (const std::int64_t far : {INT64_MAX, INT64_MIN}) {
    CHECK_FALSE(decode_key_news(encode_key_news({0, {{1, far, 0}}})));
    CHECK_FALSE(decode_key_news(encode_key_news({0, {{1, 0, far}}})));
  }
}

}  // namespace troupe
