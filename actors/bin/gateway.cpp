#include <fmt/format.h>
#include <spdlog/logger.h>

#include <memory>
#include <string>
#include <utility>

#include "actors/bin/billing.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/file_limit.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/bin/served_as.hpp"
#include "actors/bin/server_command.hpp"
#include "actors/bin/tracing.hpp"
#include "actors/cluster/gateway_runtime.hpp"

namespace troupe::cli {
namespace {

struct gateway_command {
  gateway_config config;
  server_settings settings;

  gateway_command() { describe(settings.schema, config); }
};

result<void> gateway(gateway_command& command) {
  if (auto done = command.settings.read(); !done) return done;
  gateway_config& config = command.config;
  config.http.certificates = certificates_of(config.tls);
  if (command.settings.printed()) return {};
  gateway_options options;
  auto join = addresses_to_join(config.join);
  if (!join) return fail(join.error());
  options.join = std::move(*join);
  options.model = config.model;
  options.name = config.label;
  options.actor_threads = config.actor_threads;
  options.patience = config.patience;
  options.data = config.data;
  options.tls = config.tls;

  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  service_manager manager;
  const auto log = start_log(config.log_level, config.log_as, "gateway");
  raise_file_limit(config.http.limits.max_connections, *log);
  const auto traces = open_tracing(config.traces, log);
  if (!traces) return fail(traces.error());
  const auto accounts = billing::open(config.billing, log);
  if (!accounts) return fail(accounts.error());
  // Until it can answer, balancers and clients go to other gateways.
  config.http.listens_at_once = false;
  auto server = http_server::start(config.http, log);
  if (!server) return fail(server.error());
  options.url = (*server)->url();
  const auto report = [&signals](std::string_view, double) { signals.deliver(); };
  auto running = gateway_runtime::start(options, report);
  if (!running) return fail(running.error());
  const auto model = as_served(*(*running)->model(), config);
  auto account = accounts->account_of(model->id);
  if (!account) return fail(account.error());
  server_backend backend =
      serving_backend(**running, model, "no supervisor of the cluster answers", config.http.queue);
  backend.recall = running->get();
  backend.traces = *traces;
  backend.account = std::move(*account);
  (*server)->set_model(std::move(backend));
  if (auto up = (*server)->listen(); !up) return up;
  fmt::print("Serving {} at {}/v1 for the cluster at {}. Try:\n  {}\n", model->id, (*server)->url(),
             config.join, first_request((*server)->url(), *model));
  std::fflush(stdout);

  serve_until_signalled(std::move(*server), signals, manager, config.http);
  return {};
}

}  // namespace

void add_gateway(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<gateway_command>();
  CLI::App* command =
      app.add_subcommand("gateway",
                         "Serve a cluster's model over the OpenAI API, from a process "
                         "of its own");
  options->settings.add_to(*command, "configs/gateway.toml");
  command->footer(
      "Example:\n  troupe gateway --join 127.0.0.1:7001 --port 8081\n"
      "`troupe status` shows the address that a server's nodes and gateways join.");
  command->callback([options, &chosen] { chosen = [options] { return gateway(*options); }; });
}

}  // namespace troupe::cli
