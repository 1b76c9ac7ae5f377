#pragma once

#include <memory>

#include "actors/interfaces.hpp"
#include "runtime/engine/expert_bank.hpp"

namespace troupe {

/// An expert shard's state: weights, and nothing to lose between messages.
struct expert_shard_state {
  expert_shard_state() = default;  // not an aggregate: CAF would initialise one from the actor
  static inline const char* name = "expert_shard";
  std::unique_ptr<expert_bank> bank;
  epoch_number epoch = 0;
  std::uint64_t stale = 0;  ///< messages of other epochs, dropped

  [[nodiscard]] expert_applied apply(const expert_apply& order);
};

expert_shard_actor::behavior_type expert_shard(
    expert_shard_actor::stateful_pointer<expert_shard_state> self,
    const std::shared_ptr<std::unique_ptr<expert_bank>>& bank, epoch_number epoch);

}  // namespace troupe
