#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/engine/model_opening.hpp"
#include "actors/engine/serving_runtime.hpp"
#include "cluster/cluster_view.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/cluster_config.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/wire/traffic.hpp"

namespace troupe {

/// What a head is told.
struct head_options {
  std::filesystem::path model;  ///< where it was opened; nodes look there, too
  engine_config engine;
  cluster_config cluster;
  std::uint32_t nodes = 1;  ///< that must have joined before anything is placed
  /// Epochs begin behind it. Supervisors that follow one another have the term in the high half, so
  /// that nodes obey the later one only.
  epoch_number first_epoch = 0;
  /// Nodes that there may come to be: with engine.stages 0 the layers are cut into as many stages,
  /// so that each node that joins can lead one. 0: no more than `nodes`.
  std::uint32_t most_nodes = 0;
};

/// The head of a cluster in this process: supervisor, batcher and gateway actors. Nodes join over
/// the network; the model is placed on them once enough have. Destroying it ends the actors; nodes
/// notice and try to join again.
class cluster_runtime : public serving_runtime {
 public:
  using progress = std::function<void(std::string_view stage, double done)>;

  /// Listens for nodes, and for gateways.
  [[nodiscard]] static result<std::unique_ptr<cluster_runtime>> start(opened_model opened,
                                                                      const head_options& options);

  /// "host:port" that nodes join.
  [[nodiscard]] virtual std::string join_address() const = 0;
  /// Waits until requests can be answered. deadline_exceeded says how many nodes have joined;
  /// out_of_memory and invalid_argument: the model cannot be placed on them.
  [[nodiscard]] virtual result<void> await_serving(std::chrono::steady_clock::duration limit,
                                                   const progress& report = {}) = 0;
  [[nodiscard]] virtual cluster_view view() const = 0;
  /// What this process and the nodes that are there have put on the data plane since each joined,
  /// as they said last, a few times a second. This process's own report has number 0 and is as of
  /// now.
  [[nodiscard]] virtual std::map<peer_id, node_traffic> traffic() const = 0;
  /// Moves everything off a node and lets it go; returns at once, view() shows how it goes.
  /// not_found: no such node; out_of_memory: the others have no room, with the arithmetic.
  [[nodiscard]] virtual result<void> drain(const std::string& node) = 0;
  /// When the request came that has waited longest to be begun; none: none waits. Any thread.
  [[nodiscard]] virtual std::optional<std::chrono::steady_clock::time_point> waiting_since()
      const = 0;
  /// Adds a line to the events of view(). Any thread.
  virtual void note(const std::string& text) = 0;
  /// What view() says of autoscaling from now on. Any thread.
  virtual void show_scaling(cluster_view::scaling_state now) = 0;
};

}  // namespace troupe
