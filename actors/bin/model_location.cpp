#include "actors/bin/model_location.hpp"

#include <cstdlib>

namespace troupe::cli {
namespace fs = std::filesystem;

const char* system_environment(const char* name) { return std::getenv(name); }

namespace {

/// troupe's part of the user's cache.
fs::path own_cache(const environment& env) {
  const char* cache = env("XDG_CACHE_HOME");
  const char* home = env("HOME");
  const fs::path base = cache != nullptr && *cache != '\0'
                            ? fs::path(cache)
                            : fs::path(home != nullptr ? home : "/") / ".cache";
  return base / "troupe";
}

}  // namespace

fs::path fetched_model(const environment& env) {
  return own_cache(env) / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

fs::path weights_cache(const std::string& given, const environment& env) {
  if (given == "none") return {};
  return given.empty() ? own_cache(env) / "weights" : fs::path(given);
}

result<fs::path> find_model(const std::string& given, const environment& env) {
  const char* variable = env("TROUPE_MODEL");
  const bool named = !given.empty() || (variable != nullptr && *variable != '\0');
  fs::path path = !given.empty() ? fs::path(given)
                  : named        ? fs::path(variable)
                                 : fetched_model(env);
  std::error_code code;
  if (fs::exists(path, code)) return path;
  if (!named)
    return fail(
        errc::not_found,
        "no model given and {} is missing: name a GGUF file or a Hugging Face folder, or run "
        "tools/fetch-model.sh",
        path.string());
  return fail(errc::not_found, "{}{}: {}", path.string(),
              given.empty() ? " (from TROUPE_MODEL)" : "",
              code ? code.message() : "no such file or folder");
}

}  // namespace troupe::cli
