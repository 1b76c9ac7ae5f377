#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/cluster_json.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// Metrics by name, those with labels added up over them.
using metric_values = std::map<std::string, double, std::less<>>;

/// Reads the Prometheus text format; lines that are not samples are skipped.
[[nodiscard]] metric_values parse_metrics(std::string_view text);

/// What a running server says of itself.
struct server_status {
  std::string url;
  bool ready = false;
  std::string reason;  ///< why it is not ready
  std::string model;
  std::int64_t context = 0;
  metric_values metrics;
  std::optional<gateway::cluster_report> cluster;  ///< where it is one
};

/// Puts together the answers to /health, /v1/models and /metrics. Fails with corrupt where they are
/// not what a troupe server sends.
[[nodiscard]] result<server_status> assemble(std::string url, unsigned health_status,
                                             std::string_view health, std::string_view models,
                                             std::string_view metrics);

/// Adds the answer to GET /cluster; one that says that there is none, or none yet, adds nothing.
[[nodiscard]] result<void> add_cluster(server_status& status, unsigned answer_status,
                                       std::string_view answer);

[[nodiscard]] std::string to_text(const server_status& status);
[[nodiscard]] boost::json::object to_json(const server_status& status);

}  // namespace troupe::cli
