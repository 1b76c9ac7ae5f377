#include "actors/cache_manager.hpp"

#include <utility>

namespace troupe {

table_list cache_manager_state::tables(const std::vector<sequence_id>& ids) const {
  table_list list;
  list.tables.reserve(ids.size());
  for (const sequence_id id : ids) list.tables.push_back(manager->table(id).value_or(nullptr));
  return list;
}

table_changes cache_manager_state::changes(const cache_request& request) const {
  table_changes all;
  for (const sequence_id id : touched(request))
    all.changed.emplace_back(id, manager->table(id).value_or(nullptr));
  return all;
}

cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const kv_manager::settings& settings) {
  self->state.manager = std::make_unique<kv_manager>(settings);
  return {
      [self](const cache_request& request) {
        cache_reply reply = answer(*self->state.manager, request);
        table_changes changes = self->state.changes(request);
        if (self->state.watcher && !changes.changed.empty())
          self->send(self->state.watcher, std::move(changes));
        return reply;
      },
      [self](tables_atom, const std::vector<sequence_id>& ids) { return self->state.tables(ids); },
      [self](watch_atom, const attention_block_actor& block) { self->state.watcher = block; },
  };
}

}  // namespace troupe
