#pragma once

#include <string>
#include <vector>

#include "actors/bin/doctor_checks.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe::cli {

/// What `troupe doctor` is asked to look at beyond the machine itself.
struct doctor_request {
  tls_files tls;
  std::vector<std::string> join;    ///< "host:port" that must answer
  std::vector<std::string> listen;  ///< "host:port" that must be free
  std::vector<std::string> peers;   ///< "host:port" where `troupe doctor --serve` runs
};

/// Looks; takes at most some seconds for each address. Reads /proc, /sys and the files that are
/// named, and changes nothing.
[[nodiscard]] host_facts look_at_host(const doctor_request& request);

}  // namespace troupe::cli
