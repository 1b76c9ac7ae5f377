#pragma once

#include <string>

#include "runtime/base/result.hpp"

namespace troupe::ucx {

/// The name of the network interface that has the numeric IPv4 or IPv6 address `host`;
/// invalid_argument if it is no such address, or none has it.
[[nodiscard]] result<std::string> interface_of(const std::string& host);

}  // namespace troupe::ucx
