#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Reads TOML text into the variables that `schema` describes; what it does not name keeps its
/// value. The first mistake (syntax, unknown table or key, wrong type or range) is the error, as
/// one line: "file:line: what is wrong"; variables read before it have changed by then.
[[nodiscard]] result<void> read_toml(const config_schema& schema, std::string_view text,
                                     std::string_view file);

/// The same for a file of at most 1 MiB.
[[nodiscard]] result<void> read_toml_file(const config_schema& schema,
                                          const std::filesystem::path& path);

/// The text of a configuration file of at most 1 MiB.
[[nodiscard]] result<std::string> read_config_file(const std::filesystem::path& path);

/// Every setting as TOML, with its help as a comment: reads back to the same values.
[[nodiscard]] std::string write_toml(const config_schema& schema);

}  // namespace troupe
