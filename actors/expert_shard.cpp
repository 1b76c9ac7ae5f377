#include "actors/expert_shard.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

expert_shard_state::~expert_shard_state() {
  if (dev == nullptr) return;
  service.reset();  // leaves what is on the stream there
  release_behind(*dev, std::move(bank));
  for (std::shared_ptr<const void>& caller : callers) release_behind(*dev, std::move(caller));
  // Submitted work reads the mapped weights: they go last.
  release_behind(*dev, std::move(files));
}

expert_applied expert_shard_state::apply(const expert_apply& order) {
  if (std::ranges::find(callers, order.owner) == callers.end()) callers.push_back(order.owner);
  const bool accepted =
      bank->owns(order.layer) && bank->apply(order.layer, order.call) == kernels::status::ok;
  return {order.epoch, order.step, order.layer, accepted};
}

void expert_shard_state::serve(const expert_ask& ask) {
  if (ask.header.epoch < epoch) {
    ++stale;
    return;
  }
  epoch = ask.header.epoch;
  // What cannot be taken now or here is somebody else's: the asker is to know at once.
  if (service == nullptr || !service->apply(ask.header, ask.payload, ask.answer))
    ask.answer(refusal_of(ask.header));
}

serving_shard_actor::behavior_type expert_shard(
    serving_shard_actor::stateful_pointer<expert_shard_state> self,
    const std::shared_ptr<expert_shard_wiring>& wiring) {
  self->state.dev = wiring->dev;
  self->state.files = wiring->files;
  self->state.bank = std::move(wiring->bank);
  self->state.service = std::move(wiring->service);
  self->state.epoch = wiring->epoch;
  return {
      [self](apply_atom, const expert_apply& order, const attention_block_actor& block) {
        // A block hears of a new epoch first and brings it along.
        if (order.epoch < self->state.epoch) {
          ++self->state.stale;
          return;
        }
        self->state.epoch = order.epoch;
        self->send(block, self->state.apply(order));
      },
      [self](const expert_ask& ask) { self->state.serve(ask); },
  };
}

}  // namespace troupe
