#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// A way to other processes that UCX has found on this machine, as its own settings name them.
struct ucx_way {
  std::string transport;  ///< of UCX_TLS: "tcp", "posix", "rc_mlx5"
  std::string device;     ///< of UCX_NET_DEVICES: "eth0", "mlx5_0:1", "memory"
};

/// All of them, whatever UCX_TLS allows; devices that this process may not open are not among them.
/// unavailable: UCX cannot be asked. Any thread.
[[nodiscard]] result<std::vector<ucx_way>> find_ucx_ways();

}  // namespace troupe
