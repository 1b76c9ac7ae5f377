#include "runtime/config/data_plane.hpp"

namespace troupe {

void describe(config_schema& schema, data_plane& plane) {
  schema.begin_table("data", "Bulk data between the cluster's processes, by UCX.");
  schema
      .text("transports", plane.transports, 255,
            "What UCX may use (UCX_TLS), with commas between; any two processes need one in "
            "common. \"rc,tcp\" for RDMA, \"rc,tcp,cuda\" for GPU memory without copies.")
      .on_command_line("--data-transports", "LIST");
  schema
      .text("devices", plane.devices, 255,
            "Network devices (UCX_NET_DEVICES), such as \"mlx5_0:1\"; empty: the interface that "
            "has this process's address.")
      .on_command_line("--data-devices", "LIST");
}

}  // namespace troupe
