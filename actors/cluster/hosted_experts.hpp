#pragma once

#include <memory>
#include <vector>

#include "actors/cluster/hosted_stage.hpp"
#include "actors/cluster/node_store.hpp"
#include "actors/interfaces.hpp"

namespace troupe {

/// A set of experts on this node, apart from any stage: weights, which stay while epochs change,
/// and the actor that applies them for stages here and elsewhere. Used by one worker only.
class hosted_experts {
 public:
  /// Maps and packs the weights; throws std::bad_alloc.
  hosted_experts(const hosted_stage::surroundings& around, std::vector<expert_range> owned);
  /// The same with what was loaded before.
  hosted_experts(const hosted_stage::surroundings& around, expert_parts loaded);
  hosted_experts(const hosted_experts&) = delete;
  hosted_experts& operator=(const hosted_experts&) = delete;
  ~hosted_experts();

  [[nodiscard]] const std::vector<expert_range>& owned() const { return owned_; }
  /// What it was loaded with, for another to go on with once this one's actor has ended.
  [[nodiscard]] expert_parts parts() const { return {owned_, bank_}; }
  /// Who applies them; begins with the first call. Throws std::bad_alloc.
  [[nodiscard]] const serving_shard_actor& serve(const hosted_stage::surroundings& around,
                                                 caf::actor_system& system);

 private:
  std::shared_ptr<device> dev_;
  std::vector<expert_range> owned_;
  std::shared_ptr<expert_bank> bank_;
  serving_shard_actor actor_;
};

}  // namespace troupe
