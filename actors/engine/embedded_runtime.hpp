#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/engine/serving_runtime.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// Every actor of the design in this process: node, supervisor, batcher, attention blocks, expert
/// shards, cache managers, gateway. Destroying it ends them all within a bounded time; listeners
/// of unfinished requests get unavailable.
class embedded_runtime : public serving_runtime {
 public:
  /// `stage` is a short phrase ("reading model", "loading weights"), `done` runs from 0 to 1.
  using progress = std::function<void(std::string_view stage, double done)>;

  /// Opens the model, checks that weights and KV fit memory (out_of_memory says the arithmetic),
  /// starts the actors and returns when the first request could be answered.
  [[nodiscard]] static result<std::unique_ptr<embedded_runtime>> start(
      const std::filesystem::path& model, const engine_config& config, const progress& report = {});

  /// Where the arithmetic runs, for its counters and profile.
  [[nodiscard]] virtual device& compute() = 0;
};

}  // namespace troupe
