#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/api/attention.hpp"
#include "runtime/config/cache_config.hpp"
#include "runtime/config/speculation_config.hpp"

namespace troupe {

/// How activations meet quantised weights. `automatic` takes `integer` (two 8-bit
/// digits, a scale for 32) where the weights are integers.
enum class activation_mode : std::uint8_t { automatic, f32, integer };

/// What a sparse layer's experts read: its rows as they are, or rounded to FP8 e4m3 with a power of
/// two for 128 columns. Rounded rows travel to other nodes in a quarter of the bytes.
enum class expert_row_form : std::uint8_t { exact, fp8 };

/// What an engine is built with. Zero means "choose for this machine" where a comment says so.
/// None of it changes an answer but `activations`, `expert_rows` and `kv` (contract 1 of the
/// design).
struct engine_config {
  std::string device = "cpu";         ///< what computes: as parse_device() takes it
  std::uint32_t tensor_parallel = 1;  ///< devices that compute together: make_team()
  std::uint32_t threads = 0;          ///< compute threads; 0: one a core
  std::uint32_t graph_rows = 256;     ///< most rows of a step that runs as CUDA graphs; 0: none
  std::uint32_t actor_threads = 2;    ///< threads of the actor scheduler
  std::uint32_t stages = 0;  ///< attention blocks (ranges of layers); 0: what fits the machine
  std::uint32_t expert_shards = 0;  ///< expert actors a stage; 0: what fits the machine
  std::uint32_t page_size = 16;     ///< positions a KV page: 16 or 32
  std::size_t kv_bytes =
      0;  ///< memory for KV pages; 0: from free memory, at most what max_sequences can use
  std::uint32_t context = 0;  ///< most positions a sequence; 0: the model's own
  std::uint32_t step_rows =
      256;  ///< token budget of a step (decode rows and prefill chunk together)
  std::uint32_t prefill_chunk = 256;  ///< most prompt tokens one sequence may put in a step
  std::uint32_t prefill_beside = 64;  ///< most prompt tokens of a step that also decodes
  std::uint32_t max_sequences = 64;   ///< sequences running at once
  std::uint32_t max_waiting = 1024;   ///< requests queued before new ones are refused
  bool prefix_cache = true;
  cache_config cache;
  speculation_config speculation;
  activation_mode activations = activation_mode::automatic;
  expert_row_form expert_rows = expert_row_form::exact;
  bool pack_weights = true;  ///< copy integer weights into the order that kernels read best
  kernels::kv_type kv = kernels::kv_type::f16;
};

}  // namespace troupe
