#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/cache_slot.hpp"
#include "actors/interfaces.hpp"
#include "actors/stage_exit.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// A cache manager's state: the decisions are kv_manager's.
struct cache_manager_state {
  cache_manager_state() = default;  // not an aggregate: CAF would initialise one from the actor
  cache_manager_state(const cache_manager_state&) = delete;
  cache_manager_state& operator=(const cache_manager_state&) = delete;
  /// Leaves the manager, or waits for a bounded time until the tiers have what was committed.
  ~cache_manager_state();
  static inline const char* name = "cache_manager";
  std::unique_ptr<kv_manager> manager;
  std::shared_ptr<cache_slot> left_to;  ///< may be null
  attention_block_actor watcher;        ///< of the same stage
  cache_request_gate gate;              ///< a request that comes twice or late changes nothing
  bool looks = false;                   ///< a look at the tiers is on its way
  std::shared_ptr<device> dev;
  std::shared_ptr<stage_log> log;  ///< hears what tiers fill; may be null
  std::uint64_t last_fill = 0;
  /// Sequences whose pages have come, and what of it the log must have told before they go on.
  std::unordered_map<sequence_id, std::uint64_t> untold;

  /// Gives the tiers more to do, and comes back while they are busy.
  void look_at_tiers(cache_manager_actor::pointer self, bool asked);
  /// Carries out a request; the watcher hears of the page tables that it changed.
  [[nodiscard]] caf::result<cache_reply> carry_out(cache_manager_actor::pointer self,
                                                   const cache_request& request);
  void note_filled();
  /// Pages that buddies have not been sent yet count as on their way.
  void hold_back(const cache_request& request, cache_reply& reply);
  [[nodiscard]] table_list tables(const std::vector<sequence_id>& ids) const;
};

/// What a cache manager is born with.
struct cache_wiring {
  std::unique_ptr<kv_manager> manager;  ///< never null
  std::shared_ptr<cache_slot> left_to;  ///< gets the manager when the actor ends; may be null
  std::shared_ptr<device> dev;          ///< the stage's, where there is a log
  std::shared_ptr<stage_log> log;       ///< hears what tiers fill; may be null
};

/// Takes what `wiring` has.
cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const std::shared_ptr<cache_wiring>& wiring);

}  // namespace troupe
