#include "cluster/wire/cache_frames.hpp"

#include <doctest/doctest.h>

#include <random>

namespace troupe::test {
namespace {

std::vector<token_id> some_tokens(std::mt19937& random) {
  std::vector<token_id> tokens(random() % 40);
  for (token_id& t : tokens) t = static_cast<token_id>(random() % 1000);
  return tokens;
}

cache_request some_request(std::mt19937& random) {
  cache_request r;
  r.epoch = random();
  r.number = random();
  if (random() % 2 == 0) {
    auto& list = r.reconcile.emplace();
    for (auto n = random() % 4; n > 0; --n)
      list.push_back(
          {random(), some_tokens(random), static_cast<std::uint32_t>(random() % 99), 16});
  }
  for (auto n = random() % 4; n > 0; --n) r.commits.push_back({random(), 32, some_tokens(random)});
  for (auto n = random() % 4; n > 0; --n) r.releases.push_back(random());
  for (auto n = random() % 4; n > 0; --n) r.trims.push_back({random(), 7});
  for (auto n = random() % 4; n > 0; --n) r.extends.push_back({random(), 300});
  for (auto n = random() % 4; n > 0; --n)
    r.opens.push_back({random(), some_tokens(random), 5, random()});
  for (auto n = random() % 4; n > 0; --n) r.awaits.push_back(random());
  return r;
}

/// Every field of a request or reply is on the wire: equal bytes mean equal values.
template <class Value, class Encode, class Decode>
void check_round_trip(const Value& value, Encode encode, Decode decode) {
  const std::vector<std::byte> header = encode(value);
  const auto back = decode(header);
  REQUIRE(back);
  CHECK(encode(*back) == header);
  for (std::size_t n = 0; n < header.size(); ++n) CHECK_FALSE(decode(std::span(header).first(n)));
  auto longer = header;
  longer.push_back(std::byte{0});
  CHECK_FALSE(decode(longer));
}

TEST_CASE("cache requests come back as they were, and never from a part of their bytes") {
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i)
    check_round_trip(some_request(random), encode_cache_request, decode_cache_request);
  cache_request asked;
  asked.epoch = 3;
  asked.number = 9;
  asked.opens.push_back({4, {1, 2, 3}, 2});
  const auto back = decode_cache_request(encode_cache_request(asked));
  REQUIRE(back);
  CHECK(back->epoch == 3);
  CHECK(back->number == 9);
  CHECK_FALSE(back->reconcile);
  REQUIRE(back->opens.size() == 1);
  CHECK(back->opens[0].tokens == std::vector<token_id>{1, 2, 3});
  CHECK(back->opens[0].at_most == 2);
}

TEST_CASE("cache replies come back as they were") {
  cache_reply reply;
  reply.epoch = 5;
  reply.number = 6;
  reply.held = {1, 2, 3};
  reply.extended = {true, false, true};
  reply.cached = {16, 0};
  reply.uneven = true;
  reply.available_pages = 7;
  reply.total_pages = 8;
  reply.cached_pages = 9;
  reply.looked_up = 10;
  reply.found = 11;
  check_round_trip(reply, encode_cache_reply, decode_cache_reply);
  const auto back = decode_cache_reply(encode_cache_reply(reply));
  REQUIRE(back);
  CHECK(back->extended == reply.extended);
  CHECK(back->held == reply.held);
}

TEST_CASE("spoiled bytes are an error or another value, never a crash") {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    auto header = encode_cache_request(some_request(random));
    header[random() % header.size()] = static_cast<std::byte>(random());
    (void)decode_cache_request(header);
    (void)decode_cache_reply(header);
  }
}

TEST_CASE("a header knows which stage of its receiver it is for") {
  const std::vector<std::byte> header{std::byte{1}, std::byte{2}};
  const auto whole = addressed(header, 77);
  const auto to = destination_of(whole);
  REQUIRE(to);
  CHECK(to->stage == 77);
  CHECK(std::vector<std::byte>(to->header.begin(), to->header.end()) == header);
  CHECK(destination_of(std::span(whole).first(3)).error().code() == errc::corrupt);
}

}  // namespace
}  // namespace troupe::test
