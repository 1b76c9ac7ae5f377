#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/bin/interrupts.hpp"
#include "actors/bin/options.hpp"
#include "actors/bin/service_manager.hpp"
#include "actors/cluster/cluster_runtime.hpp"
#include "actors/engine/serving_runtime.hpp"
#include "actors/gateway/http_server.hpp"
#include "runtime/config/schema.hpp"
#include "runtime/config/tls_files.hpp"

/// What the commands that serve over HTTP have in common.
namespace troupe::cli {

/// A command's settings: what `schema` describes, from a TOML file and from the command line.
struct server_settings {
  config_schema schema;
  overrides given;
  std::string config_file;
  bool print_config = false;

  /// Adds the options to the command; this must outlive the parse.
  void add_to(CLI::App& command, const std::string& example_file);
  /// Reads the file, if one was named, then what the command line says.
  [[nodiscard]] result<void> read() const;
  /// Prints the settings as they are now if that is all that was asked for; true: it was.
  [[nodiscard]] bool printed() const;
};

/// The supervisors' addresses that a list names; invalid_argument: it names none.
[[nodiscard]] result<std::vector<std::string>> addresses_to_join(const std::string& list);

/// The files in use that hold certificates.
[[nodiscard]] std::vector<std::string> certificates_of(const tls_files& files);

/// What a server answers from `running`, which must outlive it, through a queue where a number of
/// places is set; /health says `why` while it cannot.
[[nodiscard]] server_backend serving_backend(serving_runtime& running,
                                             std::shared_ptr<const served_model> model,
                                             const char* why, const fair_limits& queue);

/// The cluster that `head` leads, which must outlive the server.
[[nodiscard]] cluster_access access_to(cluster_runtime& head);

/// Gives notice for so long, lets answers under way end within `grace`, and ends the server; a
/// signal meanwhile ends the process.
void stop_serving(http_server& server, const interrupts& signals, service_manager& manager,
                  std::chrono::milliseconds notice, std::chrono::milliseconds grace);
/// Says that it is ready, serves until a signal comes, and ends the server as its settings have it.
void serve_until_signalled(std::unique_ptr<http_server> server, const interrupts& signals,
                           service_manager& manager, const server_config& config);

}  // namespace troupe::cli
