#include "kernels/cpu/limits.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {

TEST_CASE("the machine's limits are measured with every instruction set") {
  each_target([](const std::string& target) {
    CAPTURE(target);
    shuffled_stream s(2);
    cpu::limits_probe probe(std::size_t{1} << 20U);
    probe.submit(s);
    const cpu::machine_limits limits = probe.read();
    for (const double rate :
         {limits.read_bytes_per_second, limits.int8_per_second, limits.f32_per_second}) {
      CHECK(rate > 0);
      CHECK(std::isfinite(rate));
    }
  });
}

TEST_CASE("limits that were not measured are zero") {
  const cpu::machine_limits limits = cpu::limits_probe(1).read();
  CHECK(limits.read_bytes_per_second == 0);
  CHECK(limits.int8_per_second == 0);
  CHECK(limits.f32_per_second == 0);
}

}  // namespace troupe::kernels::test
