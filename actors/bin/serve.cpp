#include <fmt/format.h>
#include <spdlog/logger.h>

#include <memory>
#include <utility>

#include "actors/bin/billing.hpp"
#include "actors/bin/cluster_scaling.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/file_limit.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/local_cluster.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/model_location.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/bin/served_as.hpp"
#include "actors/bin/server_command.hpp"
#include "actors/bin/tracing.hpp"
#include "runtime/config/cluster_keys.hpp"

namespace troupe::cli {
namespace {

struct serve_options {
  serve_config config;
  server_settings settings;
  std::string model;

  serve_options() { describe(settings.schema, config); }
};

/// The model that answers: in this process, or in a cluster that this process leads.
struct engine {
  std::unique_ptr<embedded_runtime> embedded;
  std::unique_ptr<local_cluster> cluster;
  [[nodiscard]] serving_runtime& running() const {
    return cluster ? static_cast<serving_runtime&>(cluster->head()) : *embedded;
  }
};

/// What the server answers from what was made.
server_backend backend_of(const engine& made, std::shared_ptr<const served_model> model,
                          const serve_config& config) {
  const char* why = made.cluster ? "too few of the cluster's nodes are up to hold the model"
                                 : "an actor has died; restart the server";
  fair_limits queue = config.http.queue;
  if (queue.running == 0) queue.running = config.engine.max_sequences;
  server_backend backend = serving_backend(made.running(), std::move(model), why, queue);
  if (made.cluster) backend.cluster = access_to(made.cluster->head());
  return backend;
}

result<engine> start(const std::filesystem::path& path, const serve_config& config,
                     const interrupts& signals, http_server& server,
                     const std::shared_ptr<spdlog::logger>& log) {
  engine made;
  if (config.cluster.workers == 0) {
    auto embedded = start_engine(path, config.engine, signals);
    if (!embedded) return fail(embedded.error());
    made.embedded = std::move(*embedded);
    return made;
  }
  auto cluster = local_cluster::start(path, config, signals,
                                      [log](std::string_view line) { log->warn("{}", line); });
  if (!cluster) return fail(cluster.error());
  made.cluster = std::move(*cluster);
  // The cluster can be looked at while it forms.
  server_backend forming;
  forming.cluster = access_to(made.cluster->head());
  server.set_model(std::move(forming));
  if (auto serving = made.cluster->await_serving(signals); !serving) {
    server.stop(std::chrono::milliseconds(0));
    return fail(serving.error());
  }
  return made;
}

void greet(const std::string& url, const served_model& model, const engine& made,
           const cluster_config& cluster) {
  const engine_description& about = made.running().description();
  const std::string experts =
      cluster.expert_workers > 0 ? fmt::format(" and {} for experts", cluster.expert_workers) : "";
  const std::string workers = made.cluster
                                  ? fmt::format("workers {}{}, redundancy {}, ", cluster.workers,
                                                experts, cluster.redundancy)
                                  : std::string();
  const std::string join = made.cluster
                               ? fmt::format(" Nodes join {}.", made.cluster->head().join_address())
                               : std::string();
  fmt::print("Serving {} at {}/v1 ({}, {}threads {}, stages {}, expert shards {}).{} Try:\n  {}\n",
             model.id, url, about.target, workers, about.threads, about.stages, about.expert_shards,
             join, first_request(url, model));
  std::fflush(stdout);
}

/// What no key can check alone.
result<void> check_settings(serve_config& config) {
  if (auto done = check(config.cluster); !done) return done;
  if (config.autoscale.means == scale_means::none) return {};
  if (config.cluster.workers == 0)
    return fail(errc::invalid_argument, "autoscaling needs a cluster: give --workers N");
  return check_scaling(config.autoscale, config.cluster.workers);
}

result<void> serve(serve_options& options) {
  if (auto done = options.settings.read(); !done) return done;
  serve_config& config = options.config;
  if (!options.model.empty()) config.model = options.model;
  config.http.certificates = certificates_of(config.cluster.tls);
  if (options.settings.printed()) return {};
  if (auto done = check_settings(config); !done) return done;
  const auto path = find_model(config.model);
  if (!path) return fail(path.error());

  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  service_manager manager;
  const auto log = start_log(config.log_level, config.log_as);
  raise_file_limit(config.http.limits.max_connections, *log);
  const auto traces = open_tracing(config.traces, log);
  if (!traces) return fail(traces.error());
  // What the server and the engine use, and thus before them.
  const auto accounts = billing::open(config.billing, log);
  if (!accounts) return fail(accounts.error());
  // The port first: where it is taken, nobody waits for a model to load only to hear of it.
  auto server = http_server::start(config.http, log);
  if (!server) return fail(server.error());
  auto made = start(*path, config, signals, **server, log);
  if (!made) return fail(made.error());
  const auto model = as_served(*made->running().model(), config);
  auto account = accounts->account_of(model->id);
  if (!account) return fail(account.error());
  server_backend backend = backend_of(*made, model, config);
  backend.account = std::move(*account);
  backend.traces = *traces;
  const auto queue = backend.queue;
  (*server)->set_model(std::move(backend));
  result<std::unique_ptr<scaling_loop>> scaling = nullptr;
  if (made->cluster) {
    scaling = start_scaling(config.autoscale,
                            {made->cluster->head(), *path, queue, made->cluster->spare()});
    if (!scaling) return fail(scaling.error());
  }
  greet((*server)->url(), *model, *made, config.cluster);

  serve_until_signalled(std::move(*server), signals, manager, config.http);
  return {};
}

}  // namespace

void add_serve(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<serve_options>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model over the OpenAI API");
  command
      ->add_option("MODEL", options->model,
                   "A GGUF file or a Hugging Face folder; default: the configuration's, "
                   "TROUPE_MODEL, or the fetched SmolLM2")
      ->type_name("PATH");
  options->settings.add_to(*command, "configs/troupe.toml");
  command->footer(
      "Example:\n  troupe serve ~/models/Qwen3-0.6B --port 8080 --threads 4\n"
      "  troupe serve ~/models/Qwen3-0.6B --workers 4     # kill -9 one of them and watch");
  command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace troupe::cli
