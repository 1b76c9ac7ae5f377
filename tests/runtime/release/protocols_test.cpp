#include "runtime/release/protocols.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/release/release.hpp"

namespace troupe::test {
namespace {

constexpr protocol_offer present{.control = {5, 5}, .data = {2, 2}};
constexpr protocol_offer next{.control = {5, 6}, .data = {2, 3}};
constexpr protocol_offer after_next{.control = {6, 7}, .data = {2, 3}};

}  // namespace

TEST_CASE("two of one release speak the newest that they know") {
  CHECK(agree(present, present) == protocol_terms{5, 2});
  CHECK(agree(next, next) == protocol_terms{6, 3});
}

TEST_CASE("a release and the next one speak what the older one knows, whoever asks") {
  CHECK(agree(present, next) == protocol_terms{5, 2});
  CHECK(agree(next, present) == protocol_terms{5, 2});
  CHECK(agree(next, after_next) == protocol_terms{6, 3});
}

TEST_CASE("each protocol is agreed on by itself") {
  CHECK(agree({.control = {3, 9}, .data = {1, 4}}, {.control = {1, 5}, .data = {4, 8}}) ==
        protocol_terms{5, 4});
}

TEST_CASE("a gap is refused with both ranges") {
  CHECK(agree(present, after_next).error() ==
        error(errc::unsupported,
              "no version of the control protocol in common: 5 is spoken here, 6 to 7 there"));
  CHECK(agree({.control = {5, 5}, .data = {3, 4}}, present).error() ==
        error(errc::unsupported,
              "no version of the data protocol in common: 3 to 4 is spoken here, 2 there"));
}

TEST_CASE("what is no range has nothing in common with any") {
  for (const protocol_range& garbage :
       {protocol_range{0, 0}, protocol_range{0, 5}, protocol_range{6, 5}, protocol_range{5, 256},
        protocol_range{1, 0xffff'ffff}, protocol_range{0xffff'ffff, 0}}) {
    CAPTURE(show(garbage));
    CHECK(agree(present, {garbage, present.data}).error().code() == errc::unsupported);
    CHECK(agree(present, {present.control, garbage}).error().code() == errc::unsupported);
    CHECK(agree({garbage, present.data}, {garbage, present.data}).error().code() ==
          errc::unsupported);
  }
}

TEST_CASE("what the other end has chosen is looked at") {
  CHECK(check(protocol_terms{5, 2}, next));
  CHECK(check(protocol_terms{6, 3}, next));
  CHECK_FALSE(check(protocol_terms{7, 3}, next));
  CHECK_FALSE(check(protocol_terms{5, 4}, next));
  CHECK_FALSE(check(protocol_terms{}, next));
}

TEST_CASE("this release agrees with itself") {
  CHECK(agree(release::protocols, release::protocols) ==
        protocol_terms{release::protocols.control.highest, release::protocols.data.highest});
  CHECK(release::protocols == release::present);
  CHECK_FALSE(std::string(release::version).empty());
}

}  // namespace troupe::test
