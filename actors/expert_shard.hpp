#pragma once

#include <memory>
#include <vector>

#include "actors/interfaces.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/engine/expert_service.hpp"

namespace troupe {

/// An expert shard's state: weights, and nothing to lose between messages.
struct expert_shard_state {
  static inline const char* name = "expert_shard";

  expert_shard_state() = default;
  expert_shard_state(const expert_shard_state&) = delete;
  expert_shard_state& operator=(const expert_shard_state&) = delete;
  /// Leaves the memory that submitted work still uses to the stream.
  ~expert_shard_state();

  std::shared_ptr<device> dev;
  std::shared_ptr<const model_files> files;  ///< keeps the mapped weights alive
  std::shared_ptr<expert_bank> bank;
  std::unique_ptr<expert_service> service;
  epoch_number epoch = 0;
  std::uint64_t stale = 0;  ///< messages of other epochs, dropped

  /// Owners of the memory that submitted work reads and writes: an attention block may end while
  /// its order is still on the way here, and what it named must outlive the work. One a stage.
  std::vector<std::shared_ptr<const void>> callers;

  [[nodiscard]] expert_applied apply(const expert_apply& order);
  void serve(const expert_ask& ask);
};

/// What a node gives an expert shard at birth.
struct expert_shard_wiring {
  epoch_number epoch = 0;
  std::shared_ptr<device> dev;
  std::shared_ptr<const model_files> files;
  std::shared_ptr<expert_bank> bank;
  std::unique_ptr<expert_service> service;  ///< null: none but this process asks
};

serving_shard_actor::behavior_type expert_shard(
    serving_shard_actor::stateful_pointer<expert_shard_state> self,
    const std::shared_ptr<expert_shard_wiring>& wiring);

}  // namespace troupe
