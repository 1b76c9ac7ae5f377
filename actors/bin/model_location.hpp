#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe::cli {

/// The environment, injected: the value of a variable, or null.
using environment = std::function<const char*(const char*)>;

/// The process's own environment.
[[nodiscard]] const char* system_environment(const char* name);

/// Where tools/fetch-model.sh puts SmolLM2.
[[nodiscard]] std::filesystem::path fetched_model(const environment& env);

/// Where weights that come from peers are kept: `given` where it is not empty, else in the user's
/// cache; empty for "none".
[[nodiscard]] std::filesystem::path weights_cache(const std::string& given,
                                                  const environment& env = system_environment);

/// The model to use: `given` where it is not empty, else TROUPE_MODEL, else the fetched SmolLM2.
/// Fails with not_found, saying how to get one, where there is none of them.
[[nodiscard]] result<std::filesystem::path> find_model(const std::string& given,
                                                       const environment& env = system_environment);

}  // namespace troupe::cli
