#pragma once

#include <doctest/doctest.h>

#include "tests/runtime/transport/factory.hpp"
#include "tests/runtime/transport/test_peer.hpp"

namespace troupe::test {

/// Two peers of one family, started and, if wanted, joined.
struct duo {
  explicit duo(const transport_family& family, const transport_limits& limits = {},
               bool joined = true)
      : factory(family.make(limits)), a(factory.open(11)), b(factory.open(22)) {
    a.start();
    b.start();
    if (joined) join(a, b);
  }
  transport_factory factory;
  test_peer a, b;
};

template <class Body>
void on_each_family(Body body) {
  for (const transport_family& family : transport_families()) {
    INFO(family.name);
    body(family);
  }
}

}  // namespace troupe::test
