#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/cluster/control.hpp"
#include "actors/cluster/data_port.hpp"
#include "actors/cluster/node_store.hpp"
#include "actors/cluster/replica_host.hpp"
#include "actors/cluster/replicator.hpp"
#include "actors/far_experts.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace troupe {

/// A stage on this node, as its primary or as a buddy: weights and pages, which stay when the role
/// changes, and the actors of the role. Used by one worker only, but for take().
class hosted_stage {
 public:
  struct surroundings {
    node_resources node;
    std::shared_ptr<data_port> port;
    peer_id batcher = 0;
    epoch_number epoch = 0;
    bool experts_apart = false;  ///< false: a stage has its own experts
    std::size_t stages = 1;      ///< that this node holds
  };

  /// The experts of an epoch, where they live apart from the stages.
  struct experts {
    std::shared_ptr<const std::vector<expert_route>> routes;
    /// Those that are on this node, with who applies them.
    std::vector<std::pair<std::vector<expert_range>, expert_shard_actor>> here;
  };

  /// Maps and packs the weights and reserves the pages; throws std::bad_alloc.
  hosted_stage(const surroundings& around, layer_range layers);
  /// The same with what was loaded before.
  hosted_stage(const surroundings& around, stage_parts loaded);
  hosted_stage(const hosted_stage&) = delete;
  hosted_stage& operator=(const hosted_stage&) = delete;
  ~hosted_stage();

  [[nodiscard]] layer_range layers() const { return layers_; }
  [[nodiscard]] bool has_experts() const { return bank_ != nullptr; }
  /// Somebody else writes the pages from now on, or they go for good.
  void leave_pages();
  /// What it was loaded with, for another to go on with once this one's actors have ended.
  [[nodiscard]] stage_parts parts() const;
  /// Takes the role for a new epoch. Who becomes the primary says what it goes on with.
  [[nodiscard]] std::optional<stage_heritage> assume(const surroundings& around,
                                                     const stage_order& order, const experts& apart,
                                                     caf::actor_system& system);
  /// Sends what is waiting of snapshots, or asks for what is missing; true while there is more.
  bool pump();

  /// What frames reach; null where the role has it not. Any thread.
  struct doors {
    asking_block_actor block;
    cache_manager_actor cache;
    std::shared_ptr<replica_host> replica;
    std::shared_ptr<replicator> log;
    std::uint32_t hidden = 0;
    std::shared_ptr<device> dev;
  };
  [[nodiscard]] const doors& open_doors() const { return doors_; }

 private:
  /// The manager of the pages from now on, and which of them hold rows that count.
  [[nodiscard]] std::pair<std::unique_ptr<kv_manager>, std::vector<bool>> take_over(
      const surroundings& around, replica_host::heritage left);
  [[nodiscard]] stage_heritage lead(const surroundings& around, caf::actor_system& system);
  void stop_leading();
  [[nodiscard]] std::unique_ptr<far_experts> reach(const surroundings& around) const;
  [[nodiscard]] std::vector<std::vector<expert_shard_actor>> shards_here(
      const experts& apart) const;
  [[nodiscard]] std::shared_ptr<stage_exit> exit_of(const surroundings& around,
                                                    const stage_order& order) const;

  layer_range layers_;
  std::shared_ptr<device> dev_;
  std::shared_ptr<kv_store> kv_;
  std::shared_ptr<attention_stage> stage_;
  expert_shard_actor shard_;
  std::shared_ptr<expert_bank> bank_;  ///< null: experts live apart
  std::shared_ptr<cache_slot> cache_;  ///< gets, or has, the manager of the pages; may be null
  std::shared_ptr<page_tiers> tiers_;  ///< of those who lead; null: none, or their pages are left
  doors doors_;
};

}  // namespace troupe
