#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "actors/interfaces.hpp"

namespace troupe {

/// Stands for a cache manager of another node: passes a request on and its answer back.
using remote_cache_actor = cache_manager_actor::extend<caf::reacts_to<cache_reply>>;

/// What stands in the batcher's process for the stages of one epoch: it sends them frames and gets
/// theirs. Destroying it ends its actors.
class remote_group {
 public:
  struct stage {
    layer_range layers;
    peer_id node = 0;
  };

  remote_group(caf::actor_system& system, const std::shared_ptr<data_port>& port,
               const std::vector<stage>& stages);
  remote_group(const remote_group&) = delete;
  remote_group& operator=(const remote_group&) = delete;
  ~remote_group();

  /// The first stage's stand-in for every one, as a batcher only speaks to the first.
  [[nodiscard]] const std::vector<attention_block_actor>& stages() const { return stage_actors_; }
  [[nodiscard]] std::vector<cache_manager_actor> caches() const;
  /// From the transport's thread.
  void take_cache_reply(const incoming_frame& frame) const;

 private:
  std::vector<attention_block_actor> stage_actors_;
  std::map<std::uint32_t, remote_cache_actor> caches_;  ///< by first layer
};

}  // namespace troupe
