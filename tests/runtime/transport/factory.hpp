#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe::test {

/// Makes transports that reach each other.
struct transport_factory {
  std::function<std::unique_ptr<transport>(peer_id)> open;
};
struct transport_family {
  std::string name;
  std::function<transport_factory(const transport_limits&)> make;
};

/// The transports that the contract's cases run on; each test program has its own.
[[nodiscard]] std::vector<transport_family> transport_families();

}  // namespace troupe::test
