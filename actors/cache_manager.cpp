#include "actors/cache_manager.hpp"

namespace troupe {

table_list cache_manager_state::tables(const std::vector<sequence_id>& ids) const {
  table_list list;
  list.tables.reserve(ids.size());
  for (const sequence_id id : ids) list.tables.push_back(manager->table(id).value_or(nullptr));
  return list;
}

cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const kv_manager::settings& settings) {
  self->state.manager = std::make_unique<kv_manager>(settings);
  return {
      [self](const cache_request& request) { return answer(*self->state.manager, request); },
      [self](tables_atom, const std::vector<sequence_id>& ids) { return self->state.tables(ids); },
  };
}

}  // namespace troupe
