#pragma once

#include <string>

#include "runtime/config/schema.hpp"

namespace troupe {

/// How bulk data travels between the cluster's processes.
struct data_plane {
  std::string transports = "tcp";  ///< what UCX may use, as its UCX_TLS says it
  std::string devices;             ///< as UCX_NET_DEVICES; empty: the interface of the address

  friend bool operator==(const data_plane&, const data_plane&) = default;
};

/// Describes the table [data]. `plane` must outlive the schema.
void describe(config_schema& schema, data_plane& plane);

}  // namespace troupe
