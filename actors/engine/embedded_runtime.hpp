#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// What an engine turned out to be, for the start-up line, `bench` and /metrics.
struct engine_description {
  std::string target;  ///< kernel target, for example "AVX3_DL"
  std::uint32_t threads = 0;
  std::uint32_t stages = 0;
  std::uint32_t expert_shards = 0;
  std::string activations;  ///< "integer" or "f32"
  std::size_t weight_bytes = 0;
  std::size_t kv_bytes = 0;
  std::size_t kv_bytes_per_token = 0;
  std::uint32_t kv_positions = 0;  ///< positions that fit the KV pages
};

/// Every actor of the design in this process: node, supervisor, batcher, attention blocks, expert
/// shards, cache managers, gateway. Destroying it ends them all within a bounded time; listeners
/// of unfinished requests get unavailable.
class embedded_runtime : public generation_service {
 public:
  /// `stage` is a short phrase ("reading model", "loading weights"), `done` runs from 0 to 1.
  using progress = std::function<void(std::string_view stage, double done)>;

  /// Opens the model, checks that weights and KV fit memory (out_of_memory says the arithmetic),
  /// starts the actors and returns when the first request could be answered.
  [[nodiscard]] static result<std::unique_ptr<embedded_runtime>> start(
      const std::filesystem::path& model, const engine_config& config, const progress& report = {});

  [[nodiscard]] virtual const std::shared_ptr<const served_model>& model() const = 0;
  [[nodiscard]] virtual const engine_description& description() const = 0;
  /// Where the arithmetic runs, for its counters and profile.
  [[nodiscard]] virtual device& compute() = 0;
  /// False once an actor has died: /health then answers 503.
  [[nodiscard]] virtual bool healthy() const = 0;
};

}  // namespace troupe
