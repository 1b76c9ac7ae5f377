#include "runtime/transport/inproc/inproc_hub.hpp"
#include "tests/runtime/transport/factory.hpp"

namespace troupe::test {

std::vector<transport_family> transport_families() {
  return {{"inproc", [](const transport_limits& limits) {
             auto hub = std::make_shared<inproc_hub>(limits);
             return transport_factory{[hub](peer_id self) { return hub->open(self).value(); }};
           }}};
}

}  // namespace troupe::test
