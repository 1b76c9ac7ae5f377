#include "actors/cluster/gateway_link.hpp"

#include <span>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr auto tick_period = std::chrono::milliseconds(100);
/// For as long a client that comes back waits to hear whether its answer is there.
constexpr auto recall_patience = std::chrono::seconds(10);
/// For as long a recalled answer waits for its listener, who is on the way.
constexpr auto listener_patience = std::chrono::seconds(30);
constexpr std::size_t most_questions = 16'384;

}  // namespace

void gateway_link_state::start(gateway_link_actor::pointer self, std::shared_ptr<data_port> port,
                               std::shared_ptr<listener_table> requests,
                               std::shared_ptr<use_exchange> exchange,
                               std::chrono::milliseconds patience) {
  self_ = self;
  port_ = std::move(port);
  requests_ = std::move(requests);
  exchange_ = std::move(exchange);
  patience_ = patience;
  alone_since_ = clock::now();
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

void gateway_link_state::on_news(arrived_news& arrived) {
  // What a former supervisor still says may be behind what was told to the present one.
  if (arrived.from != supervisor_) return;
  for (request_news& n : arrived.news.news) requests_->deliver(std::move(n));
  for (const auto& [id, why] : arrived.news.failed) requests_->fail(id, why);
}

void gateway_link_state::on_linked(peer_id supervisor) {
  supervisor_ = supervisor;
  alone_since_ = clock::now();
  if (supervisor == 0) return exchange_->part();
  for (const request_id id : requests_->open()) waiting_.insert(id);
  for (auto& [number, q] : questions_) q.asked = false;
  ask_for_waiting();
  ask_questions();
}

void gateway_link_state::on_waiting(request_id id) {
  waiting_.insert(id);
  ask_for_waiting();
}

void gateway_link_state::on_cancel(request_id id) {
  waiting_.erase(id);
  if (supervisor_ != 0) (void)port_->send(supervisor_, {frames::forget, encode_forget(id), {}});
}

bool gateway_link_state::ask(request_id id) {
  auto asked = requests_->unfinished(id);
  if (asked == nullptr) return true;
  const auto sent = port_->send(supervisor_, make_ask({id, std::move(asked)}));
  if (sent) return true;
  if (sent.error().code() == errc::out_of_range) {
    requests_->fail(id, sent.error().within("the request"));
    return true;
  }
  return false;
}

void gateway_link_state::ask_for_waiting() {
  while (supervisor_ != 0 && !waiting_.empty() && ask(*waiting_.begin()))
    waiting_.erase(waiting_.begin());
}

void gateway_link_state::on_recall_wanted(recall_wanted& wanted) {
  if (questions_.size() >= most_questions) {
    return wanted.then(fail(errc::exhausted, "{} clients wait for answers to be found; try later",
                            questions_.size()));
  }
  questions_[++last_question_] = {std::move(wanted), clock::now()};
  ask_questions();
}

void gateway_link_state::ask_questions() {
  if (supervisor_ == 0) return;
  for (auto& [number, q] : questions_) {
    if (q.asked) continue;
    const recall_question asked{number, q.wanted.response};
    if (!port_->send(supervisor_, {frames::recall, encode_recall(asked), {}})) return;
    q.asked = true;
  }
}

void gateway_link_state::on_recall(arrived_recall& arrived) {
  const auto known = questions_.find(arrived.answer.number);
  if (arrived.from != supervisor_ || known == questions_.end()) return;
  const answer_recall::found then = std::move(known->second.wanted.then);
  questions_.erase(known);
  if (arrived.answer.refusal) return then(fail(std::move(*arrived.answer.refusal)));
  asked_request& found = *arrived.answer.found;
  if (requests_->expect(found.id, found.asked)) unheard_[found.id] = clock::now();
  then(recalled_answer{found.id, std::move(found.asked)});
}

void gateway_link_state::on_listener(const listener_arrived& arrived) {
  unheard_.erase(arrived.id);
  if (auto heard = requests_->attach(arrived.id, arrived.listener); !heard)
    arrived.listener->on_error(heard.error());
}

void gateway_link_state::give_up_old(clock::time_point now) {
  while (!questions_.empty() && now - questions_.begin()->second.since > recall_patience) {
    const answer_recall::found then = std::move(questions_.begin()->second.wanted.then);
    questions_.erase(questions_.begin());
    then(fail(errc::unavailable, "no supervisor has said in time whether that answer is there"));
  }
  std::vector<request_id> unwanted;
  for (const auto& [id, since] : unheard_)
    if (now - since > listener_patience) unwanted.push_back(id);
  for (const request_id id : unwanted) {
    unheard_.erase(id);
    requests_->remove(id);
    on_cancel(id);
  }
}

void gateway_link_state::on_key_use(const arrived_key_use& arrived) {
  if (arrived.from != supervisor_) return;
  exchange_->join(arrived.news.sharers);
  exchange_->add(arrived.news.taken);
}

void gateway_link_state::tell_key_use() {
  const std::vector<key_taken> taken = exchange_->take();
  // What does not get through is not kept: by the time it would, its minute is over.
  if (supervisor_ != 0) send_key_use(*port_, std::span(&supervisor_, 1), 0, taken);
}

void gateway_link_state::on_tick() {
  tell_key_use();
  ask_for_waiting();
  ask_questions();
  give_up_old(clock::now());
  if (supervisor_ == 0 && clock::now() - alone_since_ > patience_) {
    for (const request_id id : requests_->open())
      requests_->fail(id, {errc::unavailable, "the cluster's supervisor is gone; try again later"});
    waiting_.clear();
  }
  self_->delayed_send(self_, tick_period, tick_atom::value);
}

gateway_link_actor::behavior_type gateway_link(
    gateway_link_actor::stateful_pointer<gateway_link_state> self,
    const std::shared_ptr<data_port>& port, const std::shared_ptr<listener_table>& requests,
    const std::shared_ptr<use_exchange>& exchange, std::chrono::milliseconds patience) {
  self->state.start(self, port, requests, exchange, patience);
  return {
      [self](arrived_news& arrived) { self->state.on_news(arrived); },
      [self](const gateway_linked& linked) { self->state.on_linked(linked.supervisor); },
      [self](const request_waits& r) { self->state.on_waiting(r.id); },
      [self](cancel_atom, request_id id) { self->state.on_cancel(id); },
      [self](recall_wanted& wanted) { self->state.on_recall_wanted(wanted); },
      [self](arrived_recall& arrived) { self->state.on_recall(arrived); },
      [self](const listener_arrived& arrived) { self->state.on_listener(arrived); },
      [self](const arrived_key_use& arrived) { self->state.on_key_use(arrived); },
      [self](tick_atom) { self->state.on_tick(); },
  };
}

}  // namespace troupe
