#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <csignal>
#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/http_call.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/screen.hpp"
#include "actors/bin/server_option.hpp"
#include "actors/bin/status_report.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{5};
constexpr std::chrono::seconds watch_limit{2};
constexpr std::chrono::seconds watch_interval{1};

struct status_options {
  server_option server;
  bool json = false;
  bool watch = false;
};

result<server_status> ask(const server_option& asked, std::chrono::milliseconds patience) {
  const auto server = asked.address();
  if (!server) return fail(server.error());
  const auto health = http_get(*server, "/health", patience);
  if (!health) return fail(health.error());
  const auto models = http_get(*server, "/v1/models", patience);
  if (!models) return fail(models.error());
  const auto metrics = http_get(*server, "/metrics", patience);
  if (!metrics) return fail(metrics.error());
  const auto cluster = http_get(*server, "/cluster", patience);
  if (!cluster) return fail(cluster.error());
  for (const http_reply* reply : {&*models, &*metrics, &*cluster})
    if (auto in = check_let_in(*reply); !in) return fail(in.error());
  auto all = assemble(asked.url, health->status, health->body, models->body, metrics->body);
  if (!all) return all;
  if (auto added = add_cluster(*all, cluster->status, cluster->body); !added)
    return fail(added.error());
  return all;
}

/// Until a signal. A server that does not answer may come back, so that its silence is shown too.
result<void> watch(const status_options& options) {
  if (const auto server = options.server.address(); !server) return fail(server.error());
  const interrupts signals{SIGINT, SIGTERM};
  screen out(stdout, ::isatty(STDOUT_FILENO) == 1);
  do {
    const auto now = ask(options.server, watch_limit);
    if (!options.json) {
      out.show(now ? to_text(*now) : now.error().message() + '\n');
    } else if (now) {
      fmt::print("{}\n", boost::json::serialize(to_json(*now)));
      std::fflush(stdout);
    } else {
      fmt::print(stderr, "troupe: {}\n", now.error().message());
    }
  } while (signals.wait(std::chrono::milliseconds(watch_interval).count()) == 0);
  return {};
}

result<void> status(const status_options& options) {
  if (options.watch) return watch(options);
  const auto now = ask(options.server, limit);
  if (!now) return fail(now.error());
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(to_json(*now)));
  else
    fmt::print("{}", to_text(*now));
  return {};
}

}  // namespace

void add_status(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<status_options>();
  CLI::App* command =
      app.add_subcommand("status", "Show how a running server, or its cluster, is doing");
  options->server.add_to(*command);
  command->add_flag("--json", options->json, "Print JSON");
  command->add_flag("--watch", options->watch, "Again every second, until Ctrl-C");
  command->footer("Example:\n  troupe status --url http://127.0.0.1:8080 --watch");
  command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

}  // namespace troupe::cli
