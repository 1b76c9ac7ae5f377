#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "actors/bin/operator_commands.hpp"
#include "runtime/release/release.hpp"

namespace {

constexpr int failed = 1;
constexpr int misused = 2;

int run(int argc, char** argv) {
  CLI::App app("Serves large language models: every token computed by actors.", "troupe");
  app.set_version_flag("--version", fmt::format("troupe {}", troupe::release::version));
  app.require_subcommand(1);
  app.footer(
      "Example:\n  troupe run \"What is the capital of France?\"\n"
      "`troupe COMMAND --help` shows a command's options.");
  troupe::cli::action chosen;
  troupe::cli::add_serve(app, chosen);
  troupe::cli::add_run(app, chosen);
  troupe::cli::add_chat(app, chosen);
  troupe::cli::add_inspect(app, chosen);
  troupe::cli::add_bench(app, chosen);
  troupe::cli::add_status(app, chosen);
  troupe::cli::add_node(app, chosen);
  troupe::cli::add_gateway(app, chosen);
  troupe::cli::add_supervisor(app, chosen);
  troupe::cli::add_key(app, chosen);
  troupe::cli::add_drain(app, chosen);
  troupe::cli::add_usage(app, chosen);
  troupe::cli::add_events(app, chosen);
  troupe::cli::add_doctor(app, chosen);
  troupe::cli::add_debug(app, chosen);
  troupe::cli::add_completion(app, chosen);
  troupe::cli::add_manual(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version
    return app.exit(asked);
  } catch (const CLI::ParseError& e) {
    const auto named = app.get_subcommands();
    fmt::print(stderr, "troupe: {} (see troupe {}--help)\n", e.what(),
               named.empty() ? "" : named.front()->get_name() + " ");
    return misused;
  }
  const auto done = chosen();
  if (done) return 0;
  fmt::print(stderr, "troupe: {}\n", done.error().message());
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "troupe: {}\n", e.what());
    return failed;
  }
}
