#include "cluster/versions.hpp"

#include <doctest/doctest.h>

namespace troupe::test {

TEST_CASE("one cluster takes versions that an upgrade brings together") {
  CHECK(versions_fit("1.2.0", "1.2.0"));
  CHECK(versions_fit("1.2.0", "1.2.9"));
  CHECK(versions_fit("1.2.0", "1.3.0"));
  CHECK(versions_fit("1.3.7", "1.2.0"));
  CHECK(versions_fit("1.2.0+site3", "1.3.0~rc1"));
  CHECK(versions_fit("1.2.0-4.b", "1.2.0"));
  CHECK_FALSE(versions_fit("1.2.0", "1.4.0"));
  CHECK_FALSE(versions_fit("1.2.0+site3", "1.4.0+site3"));
  CHECK_FALSE(versions_fit("1.4.0", "1.2.0"));
  CHECK_FALSE(versions_fit("1.2.0", "2.2.0"));
  CHECK_FALSE(versions_fit("0.0.0", "0.4294967295.0"));
}

TEST_CASE("what is no version fits none") {
  for (const char* text : {"", "1", "1.2", "1.2.", "1.2.3.4", "1.2.x", "-1.2.3", " 1.2.3", "1.2.3 ",
                           "1.99999999999.0", "1..3", "1.2.3+", "1.2.3+a b", "1.2.3_4"}) {
    CAPTURE(text);
    CHECK_FALSE(versions_fit(text, "1.2.3"));
    CHECK_FALSE(versions_fit("1.2.3", text));
  }
}

}  // namespace troupe::test
