#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/bin/log_format.hpp"
#include "runtime/config/cache_config.hpp"
#include "runtime/config/data_plane.hpp"
#include "runtime/config/schema.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe::cli {

/// Everything `troupe node` can be told: the contents of configs/node.toml.
struct node_options {
  std::string join;                   ///< "host:port", of several supervisors with commas between
  std::string model;                  ///< empty: the path that the cluster serves
  std::string name;                   ///< empty: made of the host's name and the process id
  std::string weights_cache;          ///< empty: in the user's cache; "none": nothing from peers
  std::string device = "cpu";         ///< as parse_device() takes it
  std::uint32_t tensor_parallel = 1;  ///< devices that compute together: make_team()
  std::uint32_t threads = 0;          ///< 0: one a core
  std::uint32_t turns = 1;            ///< nodes that take turns on the same processors
  std::uint32_t graph_rows = 256;     ///< most rows of a step that runs as CUDA graphs; 0: none
  std::uint32_t actor_threads = 2;    ///< threads of the actor scheduler
  std::uint64_t memory_mib = 0;       ///< 0: what is available
  bool experts_only = false;          ///< holds expert shards and nothing of a stage
  std::chrono::milliseconds stop_timeout{0};  ///< to be drained in after SIGTERM; 0: none
  tier_config tiers;                          ///< behind the pages of the stages that it leads
  data_plane data;
  tls_files tls;
  std::string log_level = "info";
  log_format log_as = log_format::text;

  friend bool operator==(const node_options&, const node_options&) = default;
};

/// Describes all tables. `options` must outlive the schema.
void describe(config_schema& schema, node_options& options);

/// The command line that says the same, the program's name first.
[[nodiscard]] std::vector<std::string> command_line(const node_options& options);

}  // namespace troupe::cli
