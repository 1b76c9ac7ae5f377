#include "actors/bin/server_command.hpp"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "actors/cluster/join_address.hpp"
#include "runtime/config/toml.hpp"

namespace troupe::cli {

void server_settings::add_to(CLI::App& command, const std::string& example_file) {
  command.add_option("--config", config_file, "A TOML file such as " + example_file)
      ->type_name("FILE");
  command.add_flag("--print-config", print_config, "Print the configuration as TOML and exit");
  add_options(command, schema, given);
}

result<void> server_settings::read() const {
  if (!config_file.empty())
    if (auto done = read_toml_file(schema, config_file); !done) return done;
  return apply_overrides(schema, given);
}

bool server_settings::printed() const {
  if (print_config) fmt::print("{}", write_toml(schema));
  return print_config;
}

result<std::vector<std::string>> addresses_to_join(const std::string& list) {
  auto addresses = split_addresses(list);
  if (!addresses.empty()) return addresses;
  return fail(errc::invalid_argument,
              "which cluster? Give --join HOST:PORT; `troupe status` shows the address");
}

std::vector<std::string> certificates_of(const tls_files& files) {
  if (!files.used()) return {};
  return {files.certificate, files.authority};
}

server_backend serving_backend(serving_runtime& running, std::shared_ptr<const served_model> model,
                               const char* why, const fair_limits& queue) {
  server_backend backend;
  // Shared ownership in form only.
  backend.engine = std::shared_ptr<generation_service>(std::shared_ptr<void>(), &running);
  backend.service = backend.engine;
  backend.exchange = running.exchange();
  if (queue.running > 0) {
    backend.queue = std::make_shared<gateway::fair_service>(backend.engine, queue);
    backend.service = backend.queue;
  }
  backend.model = std::move(model);
  backend.health = [&running, why]() -> result<void> {
    if (running.healthy()) return {};
    return fail(errc::unavailable, "{}", why);
  };
  return backend;
}

cluster_access access_to(cluster_runtime& head) {
  return {head.join_address(), [&head] { return head.view(); },
          [&head](const std::string& node) { return head.drain(node); }};
}

void stop_serving(http_server& server, const interrupts& signals, service_manager& manager,
                  std::chrono::milliseconds notice, std::chrono::milliseconds grace) {
  manager.stopping("answers under way end", notice + grace);
  signals.release();  // from here a second signal ends the process at once
  if (notice.count() > 0) {
    server.give_notice();
    fmt::print(stderr, "Stopping in {} s, as balancers are to notice.\n", notice.count() / 1000);
    std::this_thread::sleep_for(notice);
  }
  fmt::print(stderr, "Stopping; answers under way have {} s. Once more to stop now.\n",
             grace.count() / 1000);
  server.stop(grace);
}

void serve_until_signalled(std::unique_ptr<http_server> server, const interrupts& signals,
                           service_manager& manager, const server_config& config) {
  manager.ready("serving at " + server->url());
  while (signals.wait(1000) == 0) manager.alive();
  stop_serving(*server, signals, manager, config.stop_notice, config.stop_timeout);
}

}  // namespace troupe::cli
