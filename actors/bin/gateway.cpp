#include <fmt/format.h>
#include <spdlog/logger.h>

#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/options.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/bin/served_as.hpp"
#include "actors/cluster/gateway_runtime.hpp"
#include "actors/gateway/http_server.hpp"
#include "runtime/config/toml.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds grace{10};

struct gateway_command {
  gateway_config config;
  config_schema schema;
  overrides given;
  std::string config_file;
  bool print_config = false;

  gateway_command() { describe(schema, config); }
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    std::string word = list.substr(from, comma - from);
    std::erase(word, ' ');
    if (!word.empty()) words.push_back(std::move(word));
    from = comma + 1;
  }
  return words;
}

/// Shared ownership in form only: the server ends first.
server_backend backend_of(gateway_runtime& running, std::shared_ptr<const served_model> model) {
  server_backend backend;
  backend.service = std::shared_ptr<generation_service>(std::shared_ptr<void>(), &running);
  backend.model = std::move(model);
  backend.health = [&running]() -> result<void> {
    if (running.healthy()) return {};
    return fail(errc::unavailable, "no supervisor of the cluster answers");
  };
  return backend;
}

result<void> gateway(gateway_command& command) {
  if (!command.config_file.empty())
    if (auto done = read_toml_file(command.schema, command.config_file); !done) return done;
  if (auto done = apply_overrides(command.schema, command.given); !done) return done;
  const gateway_config& config = command.config;
  if (command.print_config) {
    fmt::print("{}", write_toml(command.schema));
    return {};
  }
  gateway_options options;
  options.join = split(config.join);
  if (options.join.empty()) {
    return fail(errc::invalid_argument,
                "which cluster? Give --join HOST:PORT; `troupe status` shows the address");
  }
  options.model = config.model;
  options.name = config.label;
  options.actor_threads = config.actor_threads;

  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  const auto log = start_log(config.log_level, "gateway");
  auto server = http_server::start(config.http, log);
  if (!server) return fail(server.error());
  options.url = (*server)->url();
  const auto report = [&signals](std::string_view, double) { signals.deliver(); };
  auto running = gateway_runtime::start(options, report);
  if (!running) return fail(running.error());
  const auto model = as_served(*(*running)->model(), config);
  (*server)->set_model(backend_of(**running, model));
  fmt::print("Serving {} at {}/v1 for the cluster at {}. Try:\n  {}\n", model->id, (*server)->url(),
             config.join, first_request((*server)->url(), *model));
  std::fflush(stdout);

  while (signals.wait(1000) == 0) {
  }
  signals.release();  // from here a second signal ends the process at once
  fmt::print(stderr, "Stopping; answers under way have {} s. Once more to stop now.\n",
             grace.count());
  (*server)->stop(grace);
  server->reset();
  return {};
}

}  // namespace

void add_gateway(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<gateway_command>();
  CLI::App* command =
      app.add_subcommand("gateway",
                         "Serve a cluster's model over the OpenAI API, from a process "
                         "of its own");
  command->add_option("--config", options->config_file, "A TOML file such as configs/gateway.toml")
      ->type_name("FILE");
  command->add_flag("--print-config", options->print_config,
                    "Print the configuration as TOML and exit");
  add_options(*command, options->schema, options->given);
  command->footer(
      "Example:\n  troupe gateway --join 127.0.0.1:7001 --port 8081\n"
      "`troupe status` shows the address that a server's nodes and gateways join.");
  command->callback([options, &chosen] { chosen = [options] { return gateway(*options); }; });
}

}  // namespace troupe::cli
