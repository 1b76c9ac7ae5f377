#pragma once

#include <memory>
#include <vector>

#include "actors/interfaces.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// A cache manager's state: the decisions are kv_manager's.
struct cache_manager_state {
  cache_manager_state() = default;  // not an aggregate: CAF would initialise one from the actor
  static inline const char* name = "cache_manager";
  std::unique_ptr<kv_manager> manager;
  attention_block_actor watcher;  ///< of the same stage

  /// Page tables that `request`, now carried out, may have changed.
  [[nodiscard]] table_changes changes(const cache_request& request) const;
  [[nodiscard]] table_list tables(const std::vector<sequence_id>& ids) const;
};

cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const kv_manager::settings& settings);

}  // namespace troupe
