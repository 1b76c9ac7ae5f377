#include <fmt/format.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

#include "actors/bin/cluster_scaling.hpp"
#include "actors/bin/commands.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/logging.hpp"
#include "actors/bin/model_location.hpp"
#include "actors/bin/serve_config.hpp"
#include "actors/bin/server_command.hpp"
#include "actors/bin/service_manager.hpp"
#include "actors/bin/start_over.hpp"
#include "actors/bin/supervisor_registry.hpp"
#include "actors/bin/worker_commands.hpp"
#include "actors/cluster/door_watch.hpp"
#include "actors/cluster/member_process.hpp"
#include "actors/engine/memory_plan.hpp"
#include "cluster/leadership/leadership.hpp"
#include "runtime/config/cluster_keys.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds look_every{250};
constexpr std::chrono::milliseconds watch_every{20};
constexpr std::chrono::milliseconds connect_limit{200};
constexpr std::chrono::milliseconds reign_tick{50};
constexpr std::size_t longest_node_prefix = 48;

struct supervisor_command {
  supervisor_config config;
  server_settings settings;

  supervisor_command() { describe(settings.schema, config); }
};

/// What /health says while this process does not lead. Any thread.
class standby_note {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  [[nodiscard]] std::string get() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_ = "standing by";
};

/// What the parts of a supervisor's life share.
struct surroundings {
  const supervisor_config& config;
  const interrupts& signals;
  service_manager& manager;
  spdlog::logger& log;
  http_server& server;
  leader_registry& registry;
  std::string label;
};

/// Nodes that must have joined before the model is placed.
std::uint32_t first_nodes(const supervisor_config& config) {
  return config.nodes != 0 ? config.nodes : config.cluster.redundancy;
}

enum class ending : std::uint8_t { signalled, deposed };

void say_once(spdlog::logger& log, std::string& said, const std::string& text) {
  if (text != said && !text.empty()) log.warn("{}", text);
  said = text;
}

/// The leadership; none: a signal came first.
std::optional<leadership_claim> stand_by(const surroundings& around) {
  const auto note = std::make_shared<standby_note>();
  server_backend idle;
  idle.health = [note]() -> result<void> { return fail(errc::unavailable, "{}", note->get()); };
  around.server.set_model(std::move(idle));
  const auto watch = std::make_shared<door_watch>();
  candidacy candidate(
      around.registry, around.label, look_every,
      [watch](const std::string& address) { return watch->refused(address, connect_limit); });
  std::string said;
  std::string leader;
  while (true) {
    auto step = candidate.step(std::chrono::steady_clock::now());
    if (step && *step) return std::move(**step);
    say_once(around.log, said, step ? std::string() : step.error().message());
    if (const leader_record* now = candidate.leader(); now != nullptr && now->name != leader) {
      leader = now->name;
      const std::string text = fmt::format("standing by: {} leads at {}", now->name, now->address);
      note->set(text);
      around.manager.status(text);
      around.log.info("{} stands by: {} leads in term {}", around.label, now->name, now->term);
    }
    around.manager.alive();
    if (around.signals.wait(watch_every.count()) != 0) return std::nullopt;
  }
}

/// Autoscaling by processes of this machine: nodes that end with this process.
result<std::unique_ptr<worker_processes>> spare_keeper(const surroundings& around) {
  if (around.config.autoscale.means != scale_means::processes) return nullptr;
  return worker_processes::start(
      {}, [&log = around.log](std::string_view line) { log.warn("{}", line); });
}

spare_workers spare_nodes(const surroundings& around, const std::string& join,
                          worker_processes* kept) {
  if (kept == nullptr) return {};
  const supervisor_config& config = around.config;
  node_options common =
      node_options_by(config.engine, config.cluster, config.log_level, config.log_as);
  common.join = config.autoscale.join.empty() ? join : config.autoscale.join;
  common.name = around.label.substr(0, longest_node_prefix);
  const std::uint32_t most = config.autoscale.most;
  return {kept, worker_commands(common, most, available_memory() / most)};
}

/// Leads until a signal comes, or another has taken over.
result<ending> reign(const surroundings& around, opened_model opened,
                     const std::filesystem::path& path, leadership_claim claim) {
  const supervisor_config& config = around.config;
  tenure leads(around.registry, std::move(claim), config.claim_lifetime / 4);
  around.log.info("{} leads in term {}", around.label, leads.term());
  auto head = cluster_runtime::start(std::move(opened),
                                     {path, config.engine, config.cluster, first_nodes(config),
                                      leads.term() << 32U, most_nodes(config.autoscale)});
  if (!head) {
    leads.resign();
    return fail(head.error());
  }
  const auto kept = spare_keeper(around);
  result<std::unique_ptr<scaling_loop>> scaling = nullptr;
  if (kept) {
    scaling = start_scaling(
        config.autoscale,
        {**head, path, nullptr, spare_nodes(around, (*head)->join_address(), kept->get())});
  }
  if (!kept || !scaling) {
    leads.resign();
    return fail(kept ? scaling.error() : kept.error());
  }
  leads.announce((*head)->join_address());
  // It can be looked at while it forms.
  server_backend backend;
  backend.cluster = access_to(**head);
  backend.model = (*head)->model();
  backend.health = [&h = **head]() -> result<void> {
    if (h.healthy()) return {};
    return fail(errc::unavailable, "too few nodes are up to hold the model");
  };
  backend.stats = [&h = **head] { return h.stats(); };
  around.server.set_model(std::move(backend));
  fmt::print("Leading at {} in term {}; nodes and gateways join {}.\n", around.server.url(),
             leads.term(), (*head)->join_address());
  std::fflush(stdout);
  around.manager.status(fmt::format("leads in term {}", leads.term()));
  std::string said;
  while (true) {
    const auto standing = leads.step(std::chrono::steady_clock::now());
    say_once(around.log, said, leads.reason());
    if (standing == tenure::standing::over) return ending::deposed;
    around.manager.alive();
    if (around.signals.wait(reign_tick.count()) == 0) continue;
    leads.resign();
    stop_serving(around.server, around.signals, around.manager, {}, config.http.stop_timeout);
    return ending::signalled;
  }
}

result<void> supervise(supervisor_command& command) {
  if (auto done = command.settings.read(); !done) return done;
  supervisor_config& config = command.config;
  config.http.certificates = certificates_of(config.cluster.tls);
  if (command.settings.printed()) return {};
  if (auto done = check(config.cluster); !done) return done;
  if (auto done = check_scaling(config.autoscale, first_nodes(config)); !done) return done;
  if (config.registry != registry_kind::none && config.cluster.port == 0) {
    return fail(errc::invalid_argument,
                "nodes must know where to look for this supervisor before it leads: give "
                "--join-port PORT");
  }
  const auto path = find_model(config.model);
  if (!path) return fail(path.error());
  auto registry = open_registry(config);
  if (!registry) return fail(registry.error());

  // Before any thread is made, so that none of them gets the signals.
  const interrupts signals{SIGINT, SIGTERM};
  service_manager manager;
  const auto log = start_log(config.log_level, config.log_as, "supervisor");
  auto server = http_server::start(config.http, log);
  if (!server) return fail(server.error());
  auto opened = open_model(*path, [&](std::string_view, double) { signals.deliver(); });
  if (!opened) return fail(std::move(opened.error()));
  const std::string label = config.label.empty()
                                ? fmt::format("supervisor-{}-{}", host_name(), ::getpid())
                                : config.label;
  const surroundings around{config, signals, manager, *log, **server, **registry, label};
  fmt::print("Supervisor {} of {} at {}.\n", label, opened->model.id, (*server)->url());
  std::fflush(stdout);
  manager.ready("standing by");
  auto claim = stand_by(around);
  if (!claim) return {};
  const auto ended = reign(around, std::move(*opened), *path, std::move(*claim));
  if (!ended) return fail(ended.error());
  if (*ended == ending::signalled) return {};
  // Nothing of what it led with is used again: its peers find it gone at once.
  return fail(start_over());
}

}  // namespace

void add_supervisor(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<supervisor_command>();
  CLI::App* command = app.add_subcommand(
      "supervisor", "Lead a cluster whose nodes and gateways are started elsewhere, or stand by");
  options->settings.add_to(*command, "configs/supervisor.toml");
  command->footer(
      "Example:\n  troupe supervisor --model ~/models/Qwen3-0.6B --nodes 3 --join-port 7001\n"
      "  troupe supervisor ... --registry etcd --etcd http://10.0.0.1:2379 --join-host 10.0.0.2");
  command->callback([options, &chosen] { chosen = [options] { return supervise(*options); }; });
}

}  // namespace troupe::cli
