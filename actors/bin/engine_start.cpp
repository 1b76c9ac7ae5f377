#include "actors/bin/engine_start.hpp"

#include <unistd.h>

#include "actors/bin/model_location.hpp"
#include "actors/bin/progress.hpp"
#include "runtime/config/engine_keys.hpp"

namespace troupe::cli {

engine_options::engine_options() { describe(schema_, config_); }

void engine_options::add_to(CLI::App& app) {
  app.add_option(
         "--model", model_,
         "A GGUF file or a Hugging Face folder; default: TROUPE_MODEL, or the fetched SmolLM2")
      ->type_name("PATH");
  add_options(app, schema_, given_);
}

result<std::unique_ptr<embedded_runtime>> engine_options::start(const interrupts& signals) {
  if (auto done = apply_overrides(schema_, given_); !done) return fail(done.error());
  const auto found = model();
  if (!found) return fail(found.error());
  return start_engine(*found, config_, signals);
}

result<std::filesystem::path> engine_options::model() const { return find_model(model_); }

result<std::unique_ptr<embedded_runtime>> start_engine(const std::filesystem::path& model,
                                                       const engine_config& config,
                                                       const interrupts& signals) {
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  return embedded_runtime::start(model, config, [&](std::string_view stage, double done) {
    signals.deliver();
    line.show(stage, done);
  });
}

}  // namespace troupe::cli
