#include "actors/drafter.hpp"

#include <utility>

namespace troupe {

void drafter_state::start(drafter_actor::pointer self, const batcher_actor& batcher,
                          std::uint32_t vocabulary) {
  self_ = self;
  batcher_ = batcher;
  desk_ = std::make_unique<draft_desk>(vocabulary);
  self_->monitor(batcher_);
  self_->set_down_handler([this](const caf::down_msg& down) { self_->quit(down.reason); });
}

caf::typed_response_promise<draft_reply> drafter_state::on_ask(const draft_ask& ask) {
  // Whoever asked before has stopped waiting: a batcher has one ask open.
  if (asker_.pending()) asker_.deliver(draft_reply{});
  asker_ = self_->make_response_promise<draft_reply>();
  const auto promise = asker_;
  for (draft_desk::order& order : desk_->take(ask))
    self_->send(batcher_, request_envelope{order.id, std::move(order.asked)}, asker_actor(self_));
  answer_if_complete();
  return promise;
}

void drafter_state::on_news(const news_batch& batch) {
  for (const request_news& news : batch.news) desk_->on_news(news);
  answer_if_complete();
}

void drafter_state::on_failure(const request_failure& f) {
  desk_->on_failure(f.id);
  answer_if_complete();
}

void drafter_state::answer_if_complete() {
  if (auto reply = desk_->answer()) asker_.deliver(std::move(*reply));
}

drafter_actor::behavior_type drafter(drafter_actor::stateful_pointer<drafter_state> self,
                                     const batcher_actor& batcher, std::uint32_t vocabulary) {
  self->state.start(self, batcher, vocabulary);
  return {
      [self](const news_batch& batch) { self->state.on_news(batch); },
      [self](const request_failure& f) { self->state.on_failure(f); },
      [self](const draft_ask& ask) { return self->state.on_ask(ask); },
  };
}

}  // namespace troupe
