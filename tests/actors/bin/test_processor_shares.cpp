#include "actors/bin/processor_shares.hpp"

#include <doctest/doctest.h>

#include <numeric>

namespace troupe::cli {
namespace {

using numbers = std::vector<int>;

numbers processors(int count) {
  numbers all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("more workers than processors share them in turn") {
  const auto shares = share_processors(processors(2), 4, 0);
  REQUIRE(shares.size() == 4);
  CHECK(shares[0].processors == numbers{0});
  CHECK(shares[1].processors == numbers{1});
  CHECK(shares[2].processors == numbers{0});
  CHECK(shares[3].processors == numbers{1});
  for (const auto& share : shares) CHECK(share.threads == 1);
}

TEST_CASE("more processors than workers go to them as neighbours") {
  const auto shares = share_processors(processors(7), 3, 0);
  CHECK(shares[0].processors == numbers{0, 1, 2});
  CHECK(shares[1].processors == numbers{3, 4});
  CHECK(shares[2].processors == numbers{5, 6});
  CHECK(shares[0].threads == 3);
  CHECK(shares[2].threads == 2);
}

TEST_CASE("threads bound the processors that are used, and may be more than there are") {
  const auto few = share_processors(processors(8), 2, 3);
  CHECK(few[0].processors == numbers{0, 1});
  CHECK(few[1].processors == numbers{2});
  CHECK(few[0].threads == 2);
  CHECK(few[1].threads == 1);
  const auto many = share_processors(processors(2), 2, 8);
  CHECK(many[0].processors == numbers{0});
  CHECK(many[0].threads == 4);
  CHECK(share_processors(processors(4), 2, 1)[1].processors == numbers{0});
}

TEST_CASE("numbers need not begin at zero; without any, nobody is bound") {
  CHECK(share_processors(numbers{3, 9}, 2, 0)[1].processors == numbers{9});
  const auto unbound = share_processors({}, 2, 0);
  CHECK(unbound[0].processors.empty());
  CHECK(unbound[1].threads == 1);
  CHECK(share_processors(processors(2), 0, 0).empty());
}

TEST_CASE("this process runs somewhere") { CHECK_FALSE(allowed_processors().empty()); }

}  // namespace troupe::cli
