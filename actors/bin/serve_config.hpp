#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "actors/bin/log_format.hpp"
#include "actors/gateway/server_config.hpp"
#include "runtime/config/autoscale_config.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe::cli {

/// How a model is shown to clients.
struct served_name {
  std::string name;                       ///< the name requests use; empty: the model's own
  std::string reasoning_parser = "auto";  ///< auto, none or think
  std::string tool_parser = "auto";       ///< auto, none or hermes
  std::uint32_t max_input = 0;            ///< tokens of a prompt; 0: see as_served()
  std::uint32_t max_output = 0;           ///< tokens of an answer; 0: likewise
};

/// What is charged, and where it is written down.
struct billing_config {
  std::string prices;  ///< a file such as configs/prices-international.toml; empty: no prices
  std::string ledger;  ///< as open_usage_store takes it; empty: nothing is kept
};

/// Everything `troupe serve` can be told: the contents of configs/troupe.toml.
struct serve_config : served_name {
  std::string model;               ///< path; empty: see find_model()
  std::string log_level = "info";  ///< trace, debug, info, warning, error or off
  log_format log_as = log_format::text;
  std::string traces;  ///< a collector of OTLP over HTTP; empty: as the environment says
  server_config http;
  billing_config billing;
  engine_config engine;
  cluster_config cluster;
  autoscale_config autoscale;
};

/// Everything `troupe gateway` can be told: the contents of configs/gateway.toml.
struct gateway_config : served_name {
  std::string join;   ///< "host:port" of each supervisor, separated by commas
  std::string label;  ///< what the cluster calls it; empty: the host's name and the process id
  std::string model;  ///< path; empty: the one that the cluster serves
  std::string log_level = "info";
  log_format log_as = log_format::text;
  std::string traces;  ///< as above
  std::uint32_t actor_threads = 2;
  std::chrono::milliseconds patience{60'000};  ///< of open requests, for a supervisor
  data_plane data;
  tls_files tls;
  server_config http;
  billing_config billing;
};

/// Where supervisors agree on which of them leads.
enum class registry_kind : std::uint8_t { none, etcd };

/// Everything `troupe supervisor` can be told: the contents of configs/supervisor.toml.
struct supervisor_config {
  supervisor_config() { http.port = 8090; }

  std::string label;        ///< what the others call it; empty: host name and process id
  std::uint32_t nodes = 0;  ///< that must have joined before the first placement; 0: one a copy
  registry_kind registry = registry_kind::none;
  std::string etcd = "http://127.0.0.1:2379";  ///< endpoints, separated by commas
  std::string cluster_name = "troupe";         ///< apart from other clusters in the same etcd
  std::chrono::milliseconds claim_lifetime{2'000};
  std::string model;  ///< path; empty: see find_model()
  std::string log_level = "info";
  log_format log_as = log_format::text;
  server_config http;
  engine_config engine;
  cluster_config cluster;
  autoscale_config autoscale;
};

/// Keys of the current table that processes of a cluster have in common: the addresses that they
/// join, and what the cluster calls them, under the name that the process gives it.
void describe_join(config_schema& schema, std::string& join);
void describe_member_name(config_schema& schema, const std::string& key, std::string& name);
/// Describes the table [log].
void describe_log(config_schema& schema, std::string& level, log_format& format);
/// Describes all tables. `config` must outlive the schema.
void describe(config_schema& schema, gateway_config& config);
/// Describes all tables. `config` must outlive the schema.
void describe(config_schema& schema, supervisor_config& config);
/// Describes all tables. `config` must outlive the schema.
void describe(config_schema& schema, serve_config& config);

}  // namespace troupe::cli
