#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/bin/commands.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/model_location.hpp"
#include "actors/bin/node_life.hpp"
#include "actors/bin/node_options.hpp"
#include "actors/bin/server_command.hpp"
#include "actors/bin/service_manager.hpp"
#include "actors/bin/start_over.hpp"
#include "actors/device_loss.hpp"
#include "runtime/engine/team/team_choice.hpp"

namespace troupe::cli {
namespace {

worker_options for_runtime(const node_options& options, std::vector<std::string> join) {
  worker_options out;
  out.join = std::move(join);
  out.model = options.model;
  out.name = options.name;
  out.threads = options.threads;
  out.turns = options.turns;
  out.actor_threads = options.actor_threads;
  out.data = options.data;
  out.tls = options.tls;
  out.memory_bytes = options.memory_mib << 20U;
  out.experts_only = options.experts_only;
  out.tiers = options.tiers;
  out.weights_cache = weights_cache(options.weights_cache);
  return out;
}

struct node_command {
  node_options options;
  server_settings settings;

  node_command() { describe(settings.schema, options); }
};

result<void> node(node_command& command) {
  if (auto done = command.settings.read(); !done) return done;
  if (command.settings.printed()) return {};
  const node_options& options = command.options;
  const auto join = addresses_to_join(options.join);
  if (!join) return fail(join.error());
  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  const auto log = start_log(options.log_level, options.log_as,
                             options.name.empty() ? std::to_string(::getpid()) : options.name);
  service_manager manager;
  std::string shown;
  const auto report = [&](std::string_view stage, double) {
    signals.deliver();
    manager.alive();
    if (stage != shown) log->debug("{}", stage);
    shown = stage;
  };
  node_world world;
  const auto choice = parse_device(options.device);
  if (!choice) return fail(choice.error());
  auto computes = make_team(*choice, options.tensor_parallel,
                            {.threads = options.threads, .shared = options.turns > 1},
                            {.graph_rows = options.graph_rows}, &end_without_device);
  if (!computes) return fail(std::move(computes.error()));
  const auto store = std::make_shared<node_store>(std::move(*computes));
  world.join = [&] { return worker_runtime::start(for_runtime(options, *join), store, report); };
  world.signal = [&](std::chrono::milliseconds limit) {
    manager.alive();
    return signals.wait(limit.count());
  };
  world.drain_limit = options.stop_timeout;
  world.joined = [&manager] { manager.ready("in the cluster"); };
  world.now = [] { return std::chrono::steady_clock::now(); };
  world.say = [&](std::string_view line) {
    log->info("{}", line);
    manager.status(line);
  };
  const auto ended = live(world);
  if (!ended) return fail(ended.error());
  // Neither of these waits for the runtime to end: its peers find it gone at once.
  if (ended->how == node_end::kind::again) return fail(start_over());
  signals.release();
  if (ended->how == node_end::kind::signalled) (void)std::raise(ended->signal);
  return {};
}

}  // namespace

void add_node(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<node_command>();
  CLI::App* command = app.add_subcommand("node", "Join a cluster and serve a part of its model");
  options->settings.add_to(*command, "configs/node.toml");
  command->footer(
      "Example:\n  troupe node --join 127.0.0.1:7001 --name spare\n"
      "`troupe status` shows the address that a server's nodes join.");
  command->callback([options, &chosen] { chosen = [options] { return node(*options); }; });
}

}  // namespace troupe::cli
