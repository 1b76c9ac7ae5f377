#include "tests/runtime/transport/ucx/ucx_family.hpp"

#include "tests/runtime/transport/factory.hpp"

namespace troupe::test {

ucx_settings patient_settings(const std::string& transports) {
  ucx_settings settings;
  settings.transports = transports;
  settings.keepalive_deadline = std::chrono::seconds(20);
  settings.limits.connect_deadline = std::chrono::seconds(20);
  return settings;
}

std::vector<transport_family> transport_families() {
  std::vector<transport_family> families;
  for (const std::string& transports : ucx_transports) {
    families.push_back({"ucx over " + transports, [transports](const transport_limits& limits) {
                          ucx_settings settings = patient_settings(transports);
                          settings.limits = limits;
                          return transport_factory{[settings](peer_id self) {
                            return open_ucx_transport(self, settings).value();
                          }};
                        }});
  }
  return families;
}

}  // namespace troupe::test
