#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/config/schema.hpp"

namespace troupe::cli {

/// Options that a person gave, kept until the configuration file has been read: they win over it.
using overrides = std::vector<std::pair<std::string, std::string>>;

/// Adds an option for every key of `schema` that has one, in a help group per table; what is given
/// is noted in `given`. Both must outlive the parse.
void add_options(CLI::App& app, const config_schema& schema, overrides& given);

/// Applies what was noted. The error names the option.
[[nodiscard]] result<void> apply_overrides(const config_schema& schema, const overrides& given);

}  // namespace troupe::cli
