#pragma once

#include <string>

#include "actors/gateway/server_config.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe::cli {

/// Everything `troupe serve` can be told: the contents of configs/troupe.toml.
struct serve_config {
  std::string model;                      ///< path; empty: see find_model()
  std::string name;                       ///< the name requests use; empty: the model's own
  std::string reasoning_parser = "auto";  ///< auto, none or think
  std::string tool_parser = "auto";       ///< auto, none or hermes
  std::string log_level = "info";         ///< trace, debug, info, warning, error or off
  server_config http;
  engine_config engine;
  cluster_config cluster;
};

/// Describes all tables. `config` must outlive the schema.
void describe(config_schema& schema, serve_config& config);

}  // namespace troupe::cli
