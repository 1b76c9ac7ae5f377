#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// A cache manager's state: the decisions are kv_manager's.
struct cache_manager_state {
  cache_manager_state() = default;  // not an aggregate: CAF would initialise one from the actor
  cache_manager_state(const cache_manager_state&) = delete;
  cache_manager_state& operator=(const cache_manager_state&) = delete;
  /// Waits for a bounded time until the tiers have what was committed.
  ~cache_manager_state();
  static inline const char* name = "cache_manager";
  std::unique_ptr<kv_manager> manager;
  attention_block_actor watcher;  ///< of the same stage
  cache_request_gate gate;        ///< a request that comes twice or late changes nothing
  bool looks = false;             ///< a look at the tiers is on its way

  /// Gives the tiers more to do, and comes back while they are busy.
  void look_at_tiers(cache_manager_actor::pointer self, bool asked);
  /// Carries out a request; the watcher hears of the page tables that it changed.
  [[nodiscard]] caf::result<cache_reply> carry_out(cache_manager_actor::pointer self,
                                                   const cache_request& request);
  [[nodiscard]] table_list tables(const std::vector<sequence_id>& ids) const;
};

/// Page tables that a new manager begins with: of a replica whose pages it manages from now on.
using adopted_tables = std::vector<std::pair<sequence_id, std::vector<std::int32_t>>>;

/// `adopted` may be null, and so may `tiers`, which are taken. What cannot be adopted is left out,
/// and will be computed again.
cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const kv_manager::settings& settings, const std::shared_ptr<adopted_tables>& adopted,
    const std::shared_ptr<std::unique_ptr<page_tiers>>& tiers);

}  // namespace troupe
