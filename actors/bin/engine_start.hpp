#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/bin/interrupts.hpp"
#include "actors/bin/options.hpp"
#include "actors/engine/embedded_runtime.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe::cli {

/// The model and the engine's options, as `run`, `chat` and `bench` take them. Lives from the
/// options' registration to the engine's start, at one address.
class engine_options {
 public:
  engine_options();
  engine_options(const engine_options&) = delete;
  engine_options& operator=(const engine_options&) = delete;
  ~engine_options() = default;

  /// Adds --model and the options of [engine].
  void add_to(CLI::App& app);
  /// Finds the model and starts its engine: start_engine().
  [[nodiscard]] result<std::unique_ptr<embedded_runtime>> start(const interrupts& signals);
  /// find_model() with what --model says.
  [[nodiscard]] result<std::filesystem::path> model() const;
  [[nodiscard]] engine_config& config() { return config_; }

 private:
  std::string model_;
  engine_config config_;
  config_schema schema_;
  overrides given_;
};

/// Starts an engine, showing progress on standard error. A signal that comes meanwhile ends the
/// process.
[[nodiscard]] result<std::unique_ptr<embedded_runtime>> start_engine(
    const std::filesystem::path& model, const engine_config& config, const interrupts& signals);

}  // namespace troupe::cli
