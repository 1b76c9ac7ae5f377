#include <algorithm>
#include <utility>

#include "runtime/transport/ucx/connections.hpp"

// Of two ends that control has introduced to each other the one with the lower number dials and
// says hello. The other dials and answers once it has that: two that dial at once is what UCX 1.13
// over TCP gets wrong (an assertion in tcp_ep.c ends the process). A hello may come before the
// introduction that it belongs to, and waits for it. Nobody dials within UCX's callbacks: UCX 1.13
// then makes the connection that it is just reading from another endpoint's, and ends the process
// where it had read more than the hello.

namespace troupe::ucx {
namespace {

/// How often an end that waits for the other says hello again: strangers may have crowded it out.
constexpr std::chrono::milliseconds hello_interval{300};

error version_mismatch(std::uint16_t theirs, std::uint16_t ours) {
  return {
      errc::unsupported,
      fmt::format("speaks version {} of the data plane, this process version {}", theirs, ours)};
}

}  // namespace

void connections::dial(link& l) {
  auto way = port_->dial(l.address);
  if (!way) return fail_link(l, way.error());
  l.way = outbound(*port_, std::move(*way));
  say_hello(l);
}

void connections::say_hello(link& l) {
  l.next_hello = now_ + hello_interval;
  const greeting hello{message_type::hello,
                       l.version,
                       self_,
                       l.box->peer,
                       l.nonce,
                       l.session,
                       {settings_.limits.window_frames, settings_.limits.window_bytes}};
  if (auto sent = l.way.send({encode(hello), {}, {}}); !sent) fail_link(l, sent.error());
}

void connections::greet(std::span<const std::byte> bytes) {
  const auto hello = read_greeting(bytes);
  if (!hello || hello->to != self_) {
    ++counters_.refused;
    return;
  }
  const auto known = links_.find(hello->from);
  if (known == links_.end() || known->second->nonce != hello->nonce || known->second->failure)
    return keep_for_later(*hello);
  link& l = *known->second;
  if (!l.open && l.dials_first) return open_link(l, *hello);
  if (!l.open) {
    l.greeted = *hello;
    someone_greeted_ = true;
    return;
  }
  if (hello->session == l.peer_session) {  // said again before ours had come
    if (!l.dials_first) say_hello(l);
    return;
  }
  // Whoever says it again has given its former connection up.
  keep_for_later(*hello);
  l.peer_gone = true;
  fail_link(l, error(errc::unavailable, "began a new connection"));
}

void connections::answer_greetings() {
  someone_greeted_ = false;
  for (auto& [peer, l] : links_) {
    if (!l->greeted) continue;
    const greeting hello = *std::exchange(l->greeted, std::nullopt);
    if (!l->open) open_link(*l, hello);
  }
}

void connections::keep_for_later(const greeting& hello) {
  early_.remove_if([&](const early_greeting& each) {
    return each.hello.from == hello.from && each.hello.nonce == hello.nonce;
  });
  if (early_.size() >= settings_.limits.peers) {
    ++counters_.refused;
    early_.pop_front();  // who came first has had most time to be introduced
  }
  early_.push_back({hello, now_ + settings_.limits.connect_deadline});
}

void connections::look_for_greeting(link& l) {
  const auto said = std::ranges::find_if(early_, [&](const early_greeting& each) {
    return each.hello.from == l.box->peer && each.hello.nonce == l.nonce;
  });
  if (said == early_.end()) return;
  const greeting hello = said->hello;
  early_.erase(said);
  open_link(l, hello);
}

void connections::forget_early(clock::time_point now) {
  while (!early_.empty() && now >= early_.front().deadline) {
    ++counters_.refused;
    early_.pop_front();
  }
}

void connections::open_link(link& l, const greeting& from) {
  if (l.failure || l.refusal) return;
  if (!l.dials_first) dial(l);
  if (l.failure) return;
  if (from.version != l.version) {
    l.refusal = version_mismatch(from.version, l.version);
    return;
  }
  l.peer_session = from.session;
  l.outgoing = credit_window(from.window);
  l.open = true;
  l.life.heard();
  ++counters_.peers;
  pump(l);
}

}  // namespace troupe::ucx
