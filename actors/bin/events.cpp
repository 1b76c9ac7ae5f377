#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <csignal>
#include <memory>

#include "actors/bin/event_feed.hpp"
#include "actors/bin/http_call.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/operator_commands.hpp"
#include "actors/bin/server_option.hpp"
#include "actors/gateway/cluster_json.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{5};
constexpr long ask_every_ms = 500;

struct events_options {
  server_option server;
  bool follow = false;
  bool json = false;
};

result<cluster_view> ask(const server_option& asked) {
  const auto server = asked.address();
  if (!server) return fail(server.error());
  const auto reply = http_get(*server, "/cluster", limit);
  if (!reply) return fail(reply.error());
  if (auto in = check_let_in(*reply); !in) return fail(in.error());
  if (reply->status != 200)
    return fail(errc::not_found, "{} leads no cluster; ask the supervisor that does", asked.url);
  auto report = gateway::parse_cluster_report(reply->body);
  if (!report) return fail(report.error());
  return std::move(report->view);
}

void print(const std::vector<cluster_view::event>& events, bool json) {
  using std::chrono::system_clock;
  for (const cluster_view::event& e : events) {
    const auto at = system_clock::now() - std::chrono::duration_cast<system_clock::duration>(
                                              std::chrono::duration<double>(e.seconds_ago));
    const std::string time =
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(system_clock::to_time_t(at)));
    if (json)
      fmt::print("{}\n",
                 boost::json::serialize(boost::json::object{{"time", time}, {"text", e.text}}));
    else
      fmt::print("{}  {}\n", time, e.text);
  }
  std::fflush(stdout);
}

result<void> events(const events_options& options) {
  event_feed feed;
  const auto first = ask(options.server);
  if (!first) return fail(first.error());
  print(feed.news(*first), options.json);
  if (!options.follow) return {};
  const interrupts signals{SIGINT, SIGTERM};
  std::string said;
  while (signals.wait(ask_every_ms) == 0) {
    const auto now = ask(options.server);
    // It may come back; its silence is told once.
    const std::string why = now ? std::string() : now.error().message();
    if (!why.empty() && why != said) fmt::print(stderr, "troupe: {}\n", why);
    said = why;
    if (now) print(feed.news(*now), options.json);
  }
  return {};
}

}  // namespace

void add_events(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<events_options>();
  CLI::App* command = app.add_subcommand("events", "Show what has happened to a cluster");
  options->server.add_to(*command);
  command->add_flag("--follow", options->follow, "Go on with what happens next, until Ctrl-C");
  command->add_flag("--json", options->json, "Print a line of JSON for each");
  command->footer("Example:\n  troupe events --url http://10.0.0.1:8090 --follow");
  command->callback([options, &chosen] { chosen = [options] { return events(*options); }; });
}

}  // namespace troupe::cli
