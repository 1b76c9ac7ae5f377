#include "runtime/device/device_profile.hpp"

#include <doctest/doctest.h>

namespace troupe {

TEST_CASE("profiles of the same work add up by operation, longest first") {
  device_profile a;
  a.operations = {{"x", 1, 1.0, 10, 100, true}};
  a.steps = 3;
  a.step_gap_seconds = 0.5;
  device_profile b;
  b.operations = {{"y", 5, 3.0, 1, 2, false}, {"x", 2, 1.5, 20, 200, true}};
  b.steps = 4;
  b.step_gap_seconds = 0.25;
  b.handover_seconds = 0.125;
  a.add(b);
  REQUIRE(a.operations.size() == 2);
  CHECK(a.operations[0].operation == "y");
  CHECK(a.operations[1].calls == 3);
  CHECK(a.operations[1].seconds == 2.5);
  CHECK(a.operations[1].bytes == 30);
  CHECK(a.operations[1].operations == 300);
  CHECK(a.steps == 7);
  CHECK(a.seconds() == 6.375);
}

}  // namespace troupe
