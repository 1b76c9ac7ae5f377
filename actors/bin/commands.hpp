#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "runtime/base/result.hpp"

namespace troupe::cli {

/// What the command line asked for; set by the subcommand that was named.
using action = std::function<result<void>()>;

/// Each adds one subcommand with its options and its help; parsing it sets `chosen`.
void add_serve(CLI::App& app, action& chosen);
void add_run(CLI::App& app, action& chosen);
void add_chat(CLI::App& app, action& chosen);
void add_inspect(CLI::App& app, action& chosen);
void add_bench(CLI::App& app, action& chosen);
void add_status(CLI::App& app, action& chosen);
void add_node(CLI::App& app, action& chosen);
void add_gateway(CLI::App& app, action& chosen);
void add_supervisor(CLI::App& app, action& chosen);
void add_key(CLI::App& app, action& chosen);
void add_drain(CLI::App& app, action& chosen);
void add_usage(CLI::App& app, action& chosen);
/// These describe `app` itself, which must outlive `chosen`.
void add_completion(CLI::App& app, action& chosen);
void add_manual(CLI::App& app, action& chosen);

}  // namespace troupe::cli
