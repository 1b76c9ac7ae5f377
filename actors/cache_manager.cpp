#include "actors/cache_manager.hpp"

#include <chrono>
#include <utility>

namespace troupe {
namespace {

/// Between two looks at what the tiers have done.
constexpr auto look_period = std::chrono::milliseconds(2);
/// For what is still to be copied when the actor ends.
constexpr auto last_copies = std::chrono::seconds(5);

}  // namespace

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
  note_filled();
  hold_back(request, reply);
  look_at_tiers(self, false);
  if (!watcher || ids.empty()) return reply;
  table_changes changes;
  for (const sequence_id id : ids)
    changes.changed.emplace_back(id, manager->table(id).value_or(nullptr));
  self->send(watcher, std::move(changes));
  return reply;
}

void cache_manager_state::note_filled() {
  std::vector<std::int32_t> pages = manager->take_filled();
  if (log != nullptr && !pages.empty()) last_fill = log->filled(*dev, std::move(pages));
}

void cache_manager_state::hold_back(const cache_request& request, cache_reply& reply) {
  if (request.reconcile) untold.clear();
  for (const sequence_id id : request.releases) untold.erase(id);
  if (log == nullptr) return;
  for (std::size_t i = 0; i < request.awaits.size(); ++i) {
    if (reply.arrived[i] == cache_reply::on_its_way) continue;
    const auto waits = untold.try_emplace(request.awaits[i], last_fill).first;
    if (log->told(waits->second))
      untold.erase(waits);
    else
      reply.arrived[i] = cache_reply::on_its_way;
  }
}

void cache_manager_state::look_at_tiers(cache_manager_actor::pointer self, bool asked) {
  if (asked) {
    looks = false;
    manager->attend_tiers();
    note_filled();
  }
  if (looks || !manager->tiers_busy()) return;
  looks = true;
  self->delayed_send(self, look_period, look_atom::value);
}

cache_manager_state::~cache_manager_state() {
  if (manager == nullptr) return;
  if (left_to != nullptr)
    left_to->put(std::move(manager));  // who goes on with it finds the tiers at work
  else
    manager->flush(last_copies);
}

cache_manager_actor::behavior_type cache_manager(
    cache_manager_actor::stateful_pointer<cache_manager_state> self,
    const std::shared_ptr<cache_wiring>& wiring) {
  self->state.manager = std::move(wiring->manager);
  self->state.left_to = std::move(wiring->left_to);
  self->state.dev = std::move(wiring->dev);
  self->state.log = std::move(wiring->log);
  return {
      [self](const cache_request& request) { return self->state.carry_out(self, request); },
      [self](tables_atom, const std::vector<sequence_id>& ids) { return self->state.tables(ids); },
      [self](watch_atom, const attention_block_actor& block) { self->state.watcher = block; },
      [self](look_atom) { self->state.look_at_tiers(self, true); },
  };
}

}  // namespace troupe
