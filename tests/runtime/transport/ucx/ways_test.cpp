#include "runtime/transport/ucx/ways.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace troupe::test {

TEST_CASE("UCX finds the loopback over TCP, on any machine") {
  const auto found = look_at_ucx();
  REQUIRE(found);
  CHECK(std::ranges::any_of(found->ways, [](const ucx_way& w) { return w.transport == "tcp"; }));
  for (const ucx_way& w : found->ways) {
    CHECK_FALSE(w.transport.empty());
    CHECK_FALSE(w.device.empty());
  }
}

}  // namespace troupe::test
