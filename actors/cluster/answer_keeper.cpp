#include "actors/cluster/answer_keeper.hpp"

#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

using std::chrono::steady_clock;

constexpr auto tick_period = std::chrono::milliseconds(100);

}  // namespace

void answer_keeper_state::start(answer_keeper_actor::pointer self, const batcher_actor& to,
                                std::shared_ptr<data_port> port, std::chrono::milliseconds kept) {
  self_ = self;
  answer_book::limits limits;
  limits.orphan_patience = limits.kept = kept;
  book_ = answer_book(limits);
  batcher_ = to;
  port_ = std::move(port);
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void answer_keeper_state::on_ask(const gateway_ask& ask) {
  const auto opened = book_.open(ask.from, ask.request, steady_clock::now());
  if (!opened) {
    (void)port_->send(ask.from,
                      {frames::news, encode_news({{}, {{ask.request.id, opened.error()}}}), {}});
    return;
  }
  if (*opened)
    self_->send(batcher_, request_envelope{ask.request.id, ask.request.asked}, asker_actor(self_));
  else
    tell_gateways();
}

void answer_keeper_state::on_forget(const gateway_forget& f) {
  if (book_.forget(f.from, f.id, steady_clock::now()))
    self_->send(batcher_, cancel_atom::value, f.id);
}

void answer_keeper_state::on_recall(const gateway_recall& r) {
  recall_answer answer;
  answer.number = r.question.number;
  auto found = book_.recall(r.from, r.question.name, steady_clock::now());
  if (found)
    answer.found = std::move(*found);
  else
    answer.refusal = std::move(found.error());
  (void)port_->send(r.from, make_recalled(answer));
  tell_gateways();
}

void answer_keeper_state::on_lost(const gateway_lost& l) {
  book_.lose(l.gateway, steady_clock::now());
}

void answer_keeper_state::on_news(news_batch& batch) {
  book_.take(std::move(batch.news), steady_clock::now());
  tell_gateways();
}

void answer_keeper_state::on_failure(const request_failure& f) {
  book_.fail(f.id, f.why, steady_clock::now());
  tell_gateways();
}

void answer_keeper_state::on_tick() {
  for (const request_id id : book_.tick(steady_clock::now()))
    self_->send(batcher_, cancel_atom::value, id);
  tell_gateways();
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void answer_keeper_state::tell_gateways() {
  for (const peer_id gateway : book_.waiting()) {
    for (;;) {
      const answer_news news = book_.news_for(gateway);
      if (news.news.empty() && news.failed.empty()) break;
      // Refused: it takes no more for now, or is gone. The book keeps what it was not told.
      if (!port_->send(gateway, {frames::news, encode_news(news), {}})) break;
      book_.told(gateway, news);
    }
  }
}

answer_keeper_actor::behavior_type answer_keeper(
    answer_keeper_actor::stateful_pointer<answer_keeper_state> self, const batcher_actor& to,
    const std::shared_ptr<data_port>& port, std::chrono::milliseconds kept) {
  self->state.start(self, to, port, kept);
  return {
      [self](news_batch& batch) { self->state.on_news(batch); },
      [self](const request_failure& f) { self->state.on_failure(f); },
      [self](const gateway_ask& ask) { self->state.on_ask(ask); },
      [self](const gateway_forget& f) { self->state.on_forget(f); },
      [self](const gateway_recall& r) { self->state.on_recall(r); },
      [self](const gateway_lost& l) { self->state.on_lost(l); },
      [self](tick_atom) { self->state.on_tick(); },
  };
}

}  // namespace troupe
