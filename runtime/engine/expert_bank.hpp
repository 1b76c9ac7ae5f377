#pragma once

#include <cstdint>
#include <vector>

#include "kernels/api/backend.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/activation_needs.hpp"
#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/packed_weights.hpp"
#include "runtime/engine/recordings.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// Experts [first, first + count) of one layer.
struct expert_range {
  std::uint32_t layer = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const expert_range&, const expert_range&) = default;
};

/// The weights of a set of experts and the work of applying them: what one expert shard serves.
/// Stateless between calls.
class expert_bank {
 public:
  /// Borrows the device and the files. At most one range a layer; `rows` is the most rows of a
  /// call.
  expert_bank(device& d, const model_files& files, const std::vector<expert_range>& owned,
              activation_mode mode, std::uint32_t rows, const weight_packing& packing = {});

  [[nodiscard]] bool owns(std::uint32_t layer) const {
    return layer < layers_.size() && !layers_[layer].weights.empty();
  }
  /// Submits the owned experts of `layer` on the rows that chose them. Slots of other experts are
  /// left alone. A call of recorded rows is submitted as recorded work: its tensors have the same
  /// addresses every time.
  kernels::status apply(std::uint32_t layer, const expert_call& call);

 private:
  struct layer_experts {
    std::uint32_t first = 0;
    std::uint32_t intermediate = 0;
    std::vector<kernels::expert_weights> weights;
    activation_needs hidden;
  };

  kernels::status submit(kernels::stream& s, const layer_experts& owned, const expert_call& call,
                         std::uint32_t rows);

  device& device_;
  packed_weights packed_;
  recordings recordings_;
  std::vector<layer_experts> layers_;  ///< by layer number; empty where nothing is owned
  device_buffer offsets_, slots_, hidden_f32_, hidden_q8_;
};

}  // namespace troupe
