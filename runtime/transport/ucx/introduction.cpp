#include <algorithm>
#include <utility>

#include "runtime/transport/ucx/connections.hpp"

namespace troupe::ucx {
namespace {

/// How long a guest that was told why it is refused has to read that.
constexpr std::chrono::milliseconds farewell{500};

error version_mismatch(std::uint16_t theirs, std::uint16_t ours) {
  return {
      errc::unsupported,
      fmt::format("speaks version {} of the data plane, this process version {}", theirs, ours)};
}

}  // namespace

void connections::admit(clock::time_point now) {
  for (ucp_conn_request_h request : std::exchange(requests_, {})) {
    if (guests_.size() >= settings_.limits.peers) {
      ++counters_.refused;
      guests_.pop_front();  // who came first has had most time to be introduced
    }
    auto way = port_->accept(request);
    if (!way) continue;
    guests_.push_back({std::move(*way), now + settings_.limits.connect_deadline, {}});
  }
}

guest* connections::find_guest(const void* ep) {
  const auto found =
      std::ranges::find_if(guests_, [ep](const guest& g) { return g.way.get() == ep; });
  return ep == nullptr || found == guests_.end() ? nullptr : &*found;
}

void connections::refuse(guest* g) {
  if (g == nullptr || !g->answered) ++counters_.refused;
  if (g == nullptr) return;
  g->leaving = true;
  something_failed_ = true;
}

void connections::greet(const arrival& a) {
  const auto said = read_greeting(a.head);
  if (!said) return refuse(find_guest(a.from));
  if (said->type != message_type::hello) return on_answer(a, *said);
  guest* g = find_guest(a.from);
  if (g == nullptr || g->hello || g->leaving || said->to != self_ || said->from >= self_)
    return refuse(g);
  // Whoever says it again has given its former connection up.
  for (guest& each : guests_) {
    if (each.hello && each.hello->from == said->from && each.hello->nonce == said->nonce)
      refuse(&each);
  }
  g->hello = *said;
  if (!introduce(*g)) return;
  guests_.remove_if([g](const guest& each) { return &each == g; });
}

bool connections::introduce(guest& g) {
  const greeting& hello = *g.hello;
  const auto found = links_.find(hello.from);
  if (found == links_.end() || found->second->nonce != hello.nonce || found->second->failure)
    return false;  // control may yet introduce it
  link& l = *found->second;
  if (l.at != link::stage::expected) {
    fail_link(l, error(errc::unavailable, "began a new connection"));
    return false;
  }
  if (hello.version != settings_.wire_version) {
    greeting answer = make_greeting(message_type::refusal, l);
    answer.session = hello.session;
    (void)port_->send(g.way, {encode(answer), {}, {}}, true);
    g.answered = true;
    g.deadline = now_ + farewell;
    fail_link(l, version_mismatch(hello.version, settings_.wire_version));
    return false;
  }
  l.way = std::move(g.way);
  if (auto sent =
          port_->send(l.way, {encode(make_greeting(message_type::welcome, l)), {}, {}}, true);
      !sent) {
    fail_link(l, sent.error());
    return true;
  }
  open_link(l, hello);
  return true;
}

void connections::on_answer(const arrival& a, const greeting& answer) {
  const auto found = links_.find(answer.from);
  if (found == links_.end()) return refuse(find_guest(a.from));
  link& l = *found->second;
  if (l.at != link::stage::dialled || l.way.get() != a.from || l.nonce != answer.nonce ||
      answer.to != self_)
    return refuse(find_guest(a.from));
  if (answer.type == message_type::refusal || answer.version != settings_.wire_version)
    return fail_link(l, version_mismatch(answer.version, settings_.wire_version));
  open_link(l, answer);
}

void connections::open_link(link& l, const greeting& from) {
  l.peer_session = from.session;
  l.outgoing = credit_window(from.window);
  l.at = link::stage::open;
  l.life.heard();
  ++counters_.peers;
  pump(l);
}

greeting connections::make_greeting(message_type type, const link& l) const {
  return {type,
          settings_.wire_version,
          self_,
          l.box->peer,
          l.nonce,
          l.session,
          {settings_.limits.window_frames, settings_.limits.window_bytes}};
}

}  // namespace troupe::ucx
