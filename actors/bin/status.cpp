#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/http_get.hpp"
#include "actors/bin/status_report.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{5};

struct status_options {
  std::string url = "http://127.0.0.1:8080";
  bool json = false;
};

result<void> status(const status_options& options) {
  const auto server = parse_address(options.url);
  if (!server) return fail(server.error());
  const auto health = http_get(*server, "/health", limit);
  if (!health) return fail(health.error());
  const auto models = http_get(*server, "/v1/models", limit);
  if (!models) return fail(models.error());
  const auto metrics = http_get(*server, "/metrics", limit);
  if (!metrics) return fail(metrics.error());
  const auto all = assemble(options.url, health->status, health->body, models->body, metrics->body);
  if (!all) return fail(all.error());
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(to_json(*all)));
  else
    fmt::print("{}", to_text(*all));
  return {};
}

}  // namespace

void add_status(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<status_options>();
  CLI::App* command = app.add_subcommand("status", "Show how a running server is doing");
  command->add_option("--url", options->url, "The server")->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  troupe status --url http://127.0.0.1:8080");
  command->callback([options, &chosen] { chosen = [options] { return status(*options); }; });
}

}  // namespace troupe::cli
