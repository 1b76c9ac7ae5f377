#pragma once

#include <memory>

#include "actors/interfaces.hpp"
#include "runtime/cache/kv_layout.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/packed_weights.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// What a process brings to the cluster.
struct node_resources {
  std::shared_ptr<device> dev;
  std::shared_ptr<const model_files> files;
  engine_config config;  ///< with nothing left at "choose"
  std::uint32_t kv_pages = 0;
  std::uint32_t context = 0;
  std::shared_ptr<load_progress> progress;  ///< of weights on their way into memory; may be null
};

/// A node's state: its device, and the actors placed on it.
class node_state {
 public:
  static inline const char* name = "node";

  void start(node_actor::pointer self, node_resources resources);
  /// Spawns a placement's actors, last stage first so that each knows the next.
  [[nodiscard]] caf::result<serving_group> place(const placement& plan,
                                                 const batcher_actor& batcher);

 private:
  [[nodiscard]] std::vector<expert_shard_actor> spawn_shards(const placement& plan);

  node_actor::pointer self_ = nullptr;
  node_resources resources_;
};

node_actor::behavior_type node(node_actor::stateful_pointer<node_state> self,
                               const std::shared_ptr<node_resources>& resources);

}  // namespace troupe
