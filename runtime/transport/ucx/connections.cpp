#include "runtime/transport/ucx/connections.hpp"

#include <algorithm>
#include <utility>

#include "runtime/transport/frame_sizes.hpp"

namespace troupe::ucx {
namespace {

/// Sessions remembered as over: what peers had on the way to them when they ended is nobody's
/// attack.
constexpr std::size_t ended_kept = 256;

}  // namespace

connections::~connections() {
  sessions_.clear();
  ready_.clear();
  for (auto& [peer, l] : links_) say_goodbye(*l);
  links_.clear();
}

result<std::vector<std::byte>> connections::open() {
  auto opened = port::open(
      settings_, {[this](const arrival& a) { on_message(a); },
                  [this](const void* ep, ucs_status_t status) { on_broken(ep, status); }});
  if (!opened) return fail(std::move(opened.error()));
  port_ = std::move(*opened);
  return port_->address();
}

void connections::set_handlers(transport::frame_handler on_frame, transport::loss_handler on_loss) {
  on_frame_ = std::move(on_frame);
  on_loss_ = std::move(on_loss);
}

clock::duration connections::tick_interval() const {
  using std::chrono::milliseconds;
  constexpr milliseconds longest{50};
  if (settings_.keepalive_interval <= milliseconds{0}) return longest;
  return std::clamp(settings_.keepalive_interval / 2, milliseconds{2}, longest);
}

void connections::execute(command c, clock::time_point now) {
  now_ = now;
  if (c.what == command::action::connect) return begin(c, now);
  const auto found = links_.find(c.box->peer);
  const bool here = found != links_.end() && found->second->box == c.box;
  if (c.what == command::action::disconnect) {
    if (here) erase(c.box->peer);
    return;
  }
  if (!here) return c.box->leave(frame_bytes(c.frame));
  link& l = *found->second;
  l.queue.push_back(std::move(c.frame));
  pump(l);
}

void connections::begin(command& c, clock::time_point now) {
  // A connection of that name which failed and was not reported yet cannot be: the mailbox knows
  // the name until then.
  std::uint64_t session = 0;
  while (session == 0 || sessions_.contains(session))
    session = (std::uint64_t{random_()} << 32U) | random_();
  const frame_totals window{settings_.limits.window_frames, settings_.limits.window_bytes};
  auto made = std::make_unique<link>(self_, c.box, c.address, session, settings_, window,
                                     mailbox_.bell(), now);
  link& l = *made;
  links_[c.box->peer] = std::move(made);
  sessions_[session] = &l;
  if (l.dials_first) dial(l);
  if (!l.failure) look_for_greeting(l);
}

void connections::fail_link(link& l, const error& reason) {
  if (!l.failure) l.failure = reason.within(fmt::format("peer {:016x}", l.box->peer));
  something_failed_ = true;
}

void connections::on_broken(const void* ep, ucs_status_t status) {
  for (auto& [peer, l] : links_) {
    if (l->way.key() != ep) continue;
    l->peer_gone = true;
    return fail_link(*l, error(errc::unavailable, fmt::format("the connection is gone: {}",
                                                              ucs_status_string(status))));
  }
}

bool connections::progress(clock::time_point now) {
  now_ = now;
  // Bounded, so that a flood from one peer does not keep commands and deadlines waiting.
  constexpr int most = 32;
  bool worked = false;
  for (int i = 0; i < most && port_->progress(); ++i) {
    worked = true;
    if (someone_greeted_) answer_greetings();
    (void)hand_over();
    if (something_failed_) reap();
  }
  if (hand_over()) worked = true;
  if (resume()) worked = true;
  if (mailbox_.bell()->credits_due.load() && mailbox_.bell()->credits_due.exchange(false)) {
    for (auto& [peer, l] : links_) {
      if (l->open && l->ledger->due()) tell(*l, message_type::credit);
    }
  }
  if (something_failed_) reap();
  return worked;
}

bool connections::resume() {
  bool some = false;
  for (auto& [peer, l] : links_) {
    if (!l->way.waiting() || l->failure) continue;
    if (const auto left = l->way.resume(); !left) {
      fail_link(*l, left.error());
    } else if (*left) {
      some = true;
    }
  }
  return some;
}

void connections::tick(clock::time_point now) {
  now_ = now;
  for (auto& [peer, l] : links_) {
    if (!l->open) {
      if (l->refusal && !l->way.waiting())
        fail_link(*l, *l->refusal);
      else if (now >= l->deadline)
        fail_link(*l, error(errc::deadline_exceeded, "did not answer the introduction"));
      else if (l->dials_first && now >= l->next_hello)
        say_hello(*l);
      continue;
    }
    switch (l->life.tick(now)) {
      case keepalive::verdict::lost:
        fail_link(*l, error(errc::deadline_exceeded, "has been silent for too long"));
        break;
      case keepalive::verdict::ask:
        tell(*l, message_type::ping);
        break;
      case keepalive::verdict::nothing:
        if (l->ledger->untold()) tell(*l, message_type::credit);
    }
  }
  forget_early(now);
  if (something_failed_) reap();
}

void connections::reap() {
  something_failed_ = false;
  std::vector<std::pair<std::shared_ptr<outbox>, error>> lost;
  for (auto& [peer, l] : links_) {
    if (l->failure) lost.emplace_back(l->box, *l->failure);
  }
  for (const auto& [box, reason] : lost) {
    erase(box->peer);
    mailbox_.forget(*box);
    if (!box->closed.load()) on_loss_(box->peer, reason);
  }
}

bool connections::has_ended(std::uint64_t session) const {
  return std::ranges::find(ended_, session) != ended_.end();
}

void connections::say_goodbye(link& l) {
  // An endpoint's end alone may go unnoticed over there.
  if (!l.open || l.peer_gone) return;
  (void)l.way.send({encode(make_head(l, message_type::leave)), {}, {}});
}

void connections::erase(peer_id peer) {
  const auto found = links_.extract(peer);
  link& l = *found.mapped();
  if (l.open) --counters_.peers;
  say_goodbye(l);
  sessions_.erase(l.session);
  if (ended_.size() == ended_kept) ended_.pop_front();
  ended_.push_back(l.session);
  std::erase(ready_, &l);
}

}  // namespace troupe::ucx
