#include <doctest/doctest.h>

#include <set>

#include "kernels/api/philox.hpp"

namespace troupe::kernels {
namespace {

using counter = std::array<std::uint32_t, 4>;

// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
TEST_CASE("philox gives its authors' known answers") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
        counter{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  CHECK(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) ==
        counter{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(philox4x32({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U},
                   {0xa4093822U, 0x299f31d0U}) ==
        counter{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("a uniform depends on seed, choice and position") {
  std::set<double> seen;
  for (std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32U})
    for (std::uint32_t choice = 0; choice < 4; ++choice)
      for (std::uint32_t position = 0; position < 4; ++position) {
        const double u = sample_uniform(seed, choice, position);
        CHECK(u >= 0);
        CHECK(u < 1);
        seen.insert(u);
      }
  CHECK(seen.size() == 48);
}

}  // namespace
}  // namespace troupe::kernels
