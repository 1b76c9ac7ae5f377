#include "actors/gateway_bridge.hpp"

#include <utility>

namespace troupe {

void gateway_bridge_state::on_news(news_batch& batch) const {
  for (request_news& n : batch.news) listeners->deliver(std::move(n));
}

gateway_actor::behavior_type gateway_bridge(
    gateway_actor::stateful_pointer<gateway_bridge_state> self, const batcher_actor& batcher,
    const std::shared_ptr<listener_table>& listeners) {
  self->state.batcher = batcher;
  self->state.listeners = listeners;
  self->monitor(batcher);
  self->set_down_handler([self](const caf::down_msg&) {
    self->state.listeners->close({errc::unavailable, "the batcher ended"});
  });
  return {
      [self](news_batch& batch) { self->state.on_news(batch); },
      [self](const request_failure& f) { self->state.listeners->fail(f.id, f.why); },
      [self](const request_envelope& e) { self->send(self->state.batcher, e, asker_actor(self)); },
      [self](cancel_atom, request_id id) {
        self->send(self->state.batcher, cancel_atom::value, id);
      },
  };
}

}  // namespace troupe
