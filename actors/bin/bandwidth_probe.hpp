#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Sends for a second to where `serve_bandwidth` runs: bytes a second that arrived. unavailable:
/// nobody listens at "host:port"; io_error: it is no probe that does.
[[nodiscard]] result<double> measure_bandwidth(const std::string& peer);

/// Takes what others send at a port of every address of this machine, one after the other, and
/// tells each how much came; until `over`, which is asked several times a second. Port 0: a free
/// one; `begun` hears which.
[[nodiscard]] result<void> serve_bandwidth(std::uint16_t port,
                                           const std::function<void(std::uint16_t)>& begun,
                                           const std::function<bool()>& over);

}  // namespace troupe::cli
