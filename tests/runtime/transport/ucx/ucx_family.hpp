#pragma once

#include <string>
#include <vector>

#include "runtime/transport/ucx/ucx_transport.hpp"

namespace troupe::test {

/// What UCX may use in the tests: sockets alone, and shared memory too.
inline const std::vector<std::string> ucx_transports = {"tcp", "tcp,posix,cma"};

/// Settings for tests: those processes share two processors with much else, so that a peer may be
/// silent for long without being gone.
[[nodiscard]] ucx_settings patient_settings(const std::string& transports);

}  // namespace troupe::test
