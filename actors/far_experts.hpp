#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "cluster/expert_route_table.hpp"
#include "cluster/remote_experts.hpp"
#include "runtime/wire/load_frames.hpp"

namespace troupe {

/// A stage's experts on other nodes, as its attention block sees them: which layers have some, what
/// is asked of whom, and how often each expert is chosen. Used by the block only.
class far_experts {
 public:
  using time_point = remote_experts::time_point;
  using teller = std::function<void(const expert_load_report&)>;

  struct surroundings {
    peer_id self = 0;
    std::shared_ptr<const model_files> files;
    activation_mode mode = activation_mode::f32;  ///< as the device does it
    expert_row_form form = expert_row_form::exact;
    layer_range layers;
    std::uint32_t rows = 256;  ///< most rows of a step
    remote_experts::send_function send;
    bool rows_on_device = false;  ///< what sends reads the device's own memory
    teller tell;                  ///< is told how often experts were chosen, once in a while
  };

  /// Borrows the device.
  far_experts(device& d, surroundings around);
  far_experts(const far_experts&) = delete;
  far_experts& operator=(const far_experts&) = delete;

  /// A new placement. What is under way is abandoned; every node in it counts as up.
  void begin_epoch(epoch_number epoch, const std::vector<expert_route>& routes, time_point now);
  /// Whether some experts of the layer are elsewhere; `layer` is of the stage.
  [[nodiscard]] bool has(std::uint32_t layer) const {
    return elsewhere_[layer - around_.layers.first];
  }
  /// Submits what begin() will read, behind the layer's routing; see expert_dispatch::stage.
  [[nodiscard]] result<void> stage(const layer_step& at, const expert_call& call) {
    return asked_.stage(at, call, holders_[at.layer - around_.layers.first]);
  }
  /// Sends a layer's rows out, once the device has passed what stage() has submitted.
  remote_experts::progress begin(const layer_step& at, const expert_call& call, time_point now);
  /// For everything that comes of it.
  [[nodiscard]] remote_experts& asked() { return asked_; }

 private:
  [[nodiscard]] remote_experts::send_function counted(remote_experts::send_function send);
  void count(std::uint32_t layer);
  void report(epoch_number epoch, time_point now);

  surroundings around_;
  std::uint32_t experts_;                            ///< of a layer, at most
  std::vector<std::vector<expert_holder>> holders_;  ///< by layer of the stage
  std::vector<bool> elsewhere_;                      ///< the same
  std::vector<std::uint32_t> chosen_;                ///< [layers, experts], since the last report
  std::map<peer_id, std::uint64_t> outputs_;         ///< asked of each since then
  time_point reported_;
  remote_experts asked_;
};

}  // namespace troupe
