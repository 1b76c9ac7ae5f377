#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

class use_exchange;

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

/// A model that answers, whether its actors live in this process or in many.
class serving_runtime : public generation_service {
 public:
  [[nodiscard]] virtual const std::shared_ptr<const served_model>& model() const = 0;
  [[nodiscard]] virtual const engine_description& description() const = 0;
  /// False while no request can be answered: /health then answers 503.
  [[nodiscard]] virtual bool healthy() const = 0;
  /// Where keys' limits become one over a cluster; null: nobody else has them.
  [[nodiscard]] virtual std::shared_ptr<use_exchange> exchange() const { return nullptr; }
};

}  // namespace troupe
