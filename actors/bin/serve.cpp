#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/engine_start.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/model_location.hpp"
#include "actors/bin/options.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/gateway/http_server.hpp"
#include "runtime/config/toml.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds grace{10};

struct serve_options {
  serve_config config;
  config_schema schema;
  overrides given;
  std::string model;
  std::string config_file;
  bool print_config = false;

  serve_options() { describe(schema, config); }
};

std::shared_ptr<spdlog::logger> make_log(const std::string& level) {
  auto log = std::make_shared<spdlog::logger>(
      "troupe", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  log->set_level(spdlog::level::from_str(level));
  return log;
}

/// The line that a person can paste to get a first answer.
std::string first_request(const std::string& url, const served_model& model) {
  if (!model.chat)
    return fmt::format(
        "curl {}/v1/completions -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", "
        "\"prompt\": \"The capital of France is\", \"max_tokens\": 16, \"temperature\": 0}}'",
        url, model.id);
  return fmt::format(
      "curl {}/v1/chat/completions -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", "
      "\"temperature\": 0, \"messages\": [{{\"role\": \"user\", \"content\": \"What is the capital "
      "of France?\"}}]}}'",
      url, model.id);
}

std::shared_ptr<const served_model> renamed(const std::shared_ptr<const served_model>& model,
                                            const std::string& name) {
  if (name.empty()) return model;
  auto copy = std::make_shared<served_model>(*model);
  copy->id = name;
  return copy;
}

result<void> serve(serve_options& options) {
  if (!options.config_file.empty())
    if (auto done = read_toml_file(options.schema, options.config_file); !done) return done;
  if (auto done = apply_overrides(options.schema, options.given); !done) return done;
  serve_config& config = options.config;
  if (!options.model.empty()) config.model = options.model;
  if (options.print_config) {
    fmt::print("{}", write_toml(options.schema));
    return {};
  }
  const auto path = find_model(config.model);
  if (!path) return fail(path.error());

  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  const auto log = make_log(config.log_level);
  // The port first: where it is taken, nobody waits for a model to load only to hear of it.
  auto server = http_server::start(config.http, log);
  if (!server) return fail(server.error());
  auto engine = start_engine(*path, config.engine, signals);
  if (!engine) return fail(engine.error());

  embedded_runtime& running = **engine;
  const auto model = renamed(running.model(), config.name);
  server_backend backend;
  // Shared ownership in form only: the server ends before the engine below.
  backend.service = std::shared_ptr<generation_service>(std::shared_ptr<void>(), &running);
  backend.model = model;
  backend.health = [&running]() -> result<void> {
    if (running.healthy()) return {};
    return fail(errc::unavailable, "an actor has died; restart the server");
  };
  (*server)->set_model(std::move(backend));

  const engine_description& about = running.description();
  fmt::print("Serving {} at {}/v1 ({}, threads {}, stages {}, expert shards {}). Try:\n  {}\n",
             model->id, (*server)->url(), about.target, about.threads, about.stages,
             about.expert_shards, first_request((*server)->url(), *model));
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

void add_serve(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<serve_options>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model over the OpenAI API");
  command
      ->add_option("MODEL", options->model,
                   "A GGUF file or a Hugging Face folder; default: the configuration's, "
                   "TROUPE_MODEL, or the fetched SmolLM2")
      ->type_name("PATH");
  command->add_option("--config", options->config_file, "A TOML file such as configs/troupe.toml")
      ->type_name("FILE");
  command->add_flag("--print-config", options->print_config,
                    "Print the configuration as TOML and exit");
  add_options(*command, options->schema, options->given);
  command->footer("Example:\n  troupe serve ~/models/Qwen3-0.6B --port 8080 --threads 4");
  command->callback([options, &chosen] { chosen = [options] { return serve(*options); }; });
}

}  // namespace troupe::cli
