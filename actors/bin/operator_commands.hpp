#pragma once

#include "actors/bin/commands.hpp"

namespace troupe::cli {

/// Commands for whoever looks after a cluster; as those of commands.hpp.
void add_events(CLI::App& app, action& chosen);
void add_doctor(CLI::App& app, action& chosen);
void add_debug(CLI::App& app, action& chosen);

}  // namespace troupe::cli
