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

/// What UCX finds on this machine.
struct ucx_findings {
  /// All ways, whatever UCX_TLS allows; devices that this process may not open are not among them.
  std::vector<ucx_way> ways;
  bool gpu_memory = false;  ///< it reads and writes a GPU's memory that is here
};

/// unavailable: UCX cannot be asked. Any thread.
[[nodiscard]] result<ucx_findings> look_at_ucx();

}  // namespace troupe
