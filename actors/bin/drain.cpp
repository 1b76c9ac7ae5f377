#include <fmt/format.h>

#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/drain_request.hpp"
#include "actors/bin/server_option.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{30};

struct drain_options {
  std::string node;
  server_option server;
};

result<void> drain(const drain_options& options) {
  const auto server = options.server.address();
  if (!server) return fail(server.error());
  if (auto done = request_drain(*server, options.node, limit); !done) return done;
  fmt::print("{} is being drained; `troupe status --watch` shows how it goes\n", options.node);
  return {};
}

}  // namespace

void add_drain(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<drain_options>();
  CLI::App* command =
      app.add_subcommand("drain", "Move everything off a node of a cluster and let it go");
  command->add_option("NODE", options->node, "Its name, as `troupe status` shows it")
      ->required()
      ->type_name("NAME");
  options->server.add_to(*command);
  command->footer("Example:\n  troupe drain worker-1");
  command->callback([options, &chosen] { chosen = [options] { return drain(*options); }; });
}

}  // namespace troupe::cli
