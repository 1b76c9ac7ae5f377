#include "actors/cache_manager.hpp"

#include <utility>

namespace troupe {

table_list cache_manager_state::tables(const std::vector<sequence_id>& ids) const {
  table_list list;
  list.tables.reserve(ids.size());
  for (const sequence_id id : ids) list.tables.push_back(manager->table(id).value_or(nullptr));
  return list;
}

caf::result<cache_reply> cache_manager_state::carry_out(cache_manager_actor::pointer self,
                                                        const cache_request& request) {
  if (!gate.admit(request)) return caf::sec::invalid_argument;
  std::vector<sequence_id> ids = touched(request);
  if (request.reconcile) {
    // It may close any that is open.
    const std::vector<sequence_id> open = manager->open_ids();
    ids.insert(ids.end(), open.begin(), open.end());
  }
  cache_reply reply = answer(*manager, request);
  if (!watcher || ids.empty()) return reply;
  table_changes changes;
  for (const sequence_id id : ids)
    changes.changed.emplace_back(id, manager->table(id).value_or(nullptr));
  self->send(watcher, std::move(changes));
  return reply;
}

cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const kv_manager::settings& settings, const std::shared_ptr<adopted_tables>& adopted) {
  self->state.manager = std::make_unique<kv_manager>(settings);
  if (adopted != nullptr)
    for (const auto& [id, pages] : *adopted) (void)self->state.manager->adopt(id, pages);
  return {
      [self](const cache_request& request) { return self->state.carry_out(self, request); },
      [self](tables_atom, const std::vector<sequence_id>& ids) { return self->state.tables(ids); },
      [self](watch_atom, const attention_block_actor& block) { self->state.watcher = block; },
  };
}

}  // namespace troupe
