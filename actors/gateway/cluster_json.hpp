#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cluster/cluster_view.hpp"
#include "runtime/base/result.hpp"

namespace troupe::gateway {

/// A cluster as GET /cluster tells it.
struct cluster_report {
  cluster_view view;
  std::string join;  ///< "host:port" that nodes join
};

/// `{"epoch", "serving", "redundant", "redundancy", "join", "nodes": [...], "stages": [...],
/// "events": [...]}`, and "autoscale" where nodes come and go with the load. A peer is a string of
/// 16 hexadecimal digits. A stage's "node" and "buddy" (the first of its "buddies") are names or
/// null.
[[nodiscard]] boost::json::object to_json(const cluster_report& report);

/// Reads that again; what it does not know it passes over. Fails with corrupt, naming the field.
/// Control characters in texts become '?', as people see them on terminals.
[[nodiscard]] result<cluster_report> parse_cluster_report(std::string_view text);

}  // namespace troupe::gateway
