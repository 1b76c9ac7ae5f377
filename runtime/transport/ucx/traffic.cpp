#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/transport/frame_sizes.hpp"
#include "runtime/transport/ucx/connections.hpp"

namespace troupe::ucx {
namespace {

/// Headers up to this size travel with the message's own; larger ones behind the payload.
constexpr std::size_t most_inline_header = 2048;
/// Smaller payloads are not worth memory that is dear.
constexpr std::size_t least_lent = 4096;

}  // namespace

link* connections::find_session(std::uint64_t session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() || found->second->failure ? nullptr : found->second;
}

void connections::on_message(const arrival& a) {
  if (is_greeting(a.head)) return greet(a.head);
  const auto head = read_head(a.head);
  link* l = head ? find_session(head->session) : nullptr;
  if (l == nullptr) {
    if (!head || !has_ended(head->session)) ++counters_.refused;
    return;
  }
  l->life.heard();
  if (!l->outgoing.returned(head->released))
    return fail_link(*l, error(errc::corrupt, "gives back credits that it never had"));
  if (head->type == message_type::frame) on_frame(*l, *head, a);
  if (head->type == message_type::rest) on_rest(*l, *head, a);
  if (l->failure) return;
  if (head->type == message_type::leave) {
    l->peer_gone = true;
    return fail_link(*l, error(errc::unavailable, "ended the connection"));
  }
  if (head->type == message_type::ping && l->open) tell(*l, message_type::credit);
  pump(*l);
}

std::shared_ptr<received_memory> connections::room_for(const link& l, std::size_t counted,
                                                       std::size_t bytes) const {
  if (settings_.payload_memory && bytes >= least_lent) {
    if (payload_room room = settings_.payload_memory(bytes); room.data != nullptr)
      return std::make_shared<received_memory>(l.ledger, counted, std::span(room.data, bytes),
                                               std::move(room.owner));
  }
  auto own = aligned_bytes::allocate(bytes);
  if (!own) return nullptr;
  return std::make_shared<received_memory>(l.ledger, counted, std::move(*own));
}

void connections::on_frame(link& l, const message_head& head, const arrival& a) {
  const bool inlined = a.head.size() > message_head_bytes;
  const std::size_t behind = inlined ? 0 : head.header_bytes;
  const std::uint64_t all_bytes = head.place;
  const bool comes_whole = a.bytes == all_bytes;
  if ((inlined && a.head.size() - message_head_bytes != head.header_bytes) || behind > all_bytes ||
      a.bytes > all_bytes || (a.deferred != nullptr && !comes_whole) || l.begun)
    return refuse(l, "sent a frame whose sizes contradict each other");
  (void)l.arriving.returned(l.ledger->released());
  const transport_limits& limits = settings_.limits;
  if (head.header_bytes > limits.header_bytes || all_bytes > limits.frame_bytes)
    return refuse(l, "sent a frame past its bounds");
  const std::uint64_t counted = head.header_bytes - behind + all_bytes;
  if (counted > limits.frame_bytes || !l.arriving.takes(counted) || !l.order.begin(head.sequence))
    return refuse(l, "sent a frame past its bounds");
  auto memory = room_for(l, counted, all_bytes);
  if (memory == nullptr)
    return fail_link(l, error(errc::out_of_memory,
                              fmt::format("no memory for its frame of {} bytes", all_bytes)));
  l.arriving.take(counted);
  const std::span<const std::byte> all = memory->bytes();
  incoming_frame frame{l.box->peer, head.kind, {}, all.first(all_bytes - behind), memory};
  if (inlined) {
    const auto header = a.head.subspan(message_head_bytes);
    frame.header.assign(header.begin(), header.end());
  }
  if (a.deferred != nullptr) {
    port_->receive(a, memory->bytes().data(),
                   [this, session = l.session, sequence = head.sequence, frame = std::move(frame)](
                       bool whole) mutable { finish(session, sequence, std::move(frame), whole); });
    return;
  }
  if (!a.data.empty()) std::memcpy(memory->bytes().data(), a.data.data(), a.data.size());
  if (comes_whole) return finish(l.session, head.sequence, std::move(frame), true);
  l.begun = link::partial{head.sequence, std::move(frame), memory->bytes(), a.bytes};
}

void connections::on_rest(link& l, const message_head& head, const arrival& a) {
  if (!l.begun || a.deferred != nullptr || a.bytes == 0 || a.head.size() != message_head_bytes ||
      head.sequence != l.begun->sequence || head.place != l.begun->filled ||
      a.bytes > l.begun->memory.size() - l.begun->filled)
    return refuse(l, "sent the rest of a frame that it has not begun");
  link::partial& begun = *l.begun;
  std::memcpy(begun.memory.data() + begun.filled, a.data.data(), a.bytes);
  begun.filled += a.bytes;
  if (begun.filled < begun.memory.size()) return;
  link::partial whole = std::move(begun);
  l.begun.reset();
  finish(l.session, whole.sequence, std::move(whole.frame), true);
}

void connections::refuse(link& l, std::string_view what) {
  ++counters_.refused;
  fail_link(l, error(errc::corrupt, std::string(what)));
}

void connections::finish(std::uint64_t session, std::uint64_t sequence, incoming_frame frame,
                         bool whole) {
  link* l = find_session(session);
  if (l == nullptr) return;
  if (!whole) return fail_link(*l, error(errc::unavailable, "a frame was cut off"));
  const auto all = static_cast<const received_memory*>(frame.owner.get())->bytes();
  const auto behind = all.subspan(frame.payload.size());
  if (!behind.empty()) frame.header.assign(behind.begin(), behind.end());
  l->order.complete(sequence, std::move(frame));
  if (!std::exchange(l->ready, true)) ready_.push_back(l);
}

bool connections::hand_over() {
  if (ready_.empty()) return false;
  for (link* l : std::exchange(ready_, {})) {
    l->ready = false;
    while (auto frame = l->order.next()) {
      if (l->box->closed.load()) break;
      ++counters_.frames_received;
      counters_.bytes_received += frame->header.size() + frame->payload.size();
      on_frame_(std::move(*frame));
    }
  }
  return true;
}

void connections::pump(link& l) {
  const std::size_t most_inline =
      std::min(most_inline_header, port_->most_head_bytes() - message_head_bytes);
  while (l.open && !l.failure && !l.queue.empty()) {
    const std::size_t bytes = frame_bytes(l.queue.front());
    if (!l.outgoing.takes(bytes)) return;
    outgoing_frame frame = std::move(l.queue.front());
    l.queue.pop_front();
    l.outgoing.take(bytes);
    l.box->leave(bytes);
    message_head head = make_head(l, message_type::frame);
    head.kind = frame.kind;
    head.header_bytes = static_cast<std::uint32_t>(frame.header.size());
    head.sequence = l.next_sequence++;
    const bool inlined = frame.header.size() <= most_inline;
    head.place = bytes - (inlined ? frame.header.size() : 0);
    parcel p{encode(head), std::move(frame.payload), {}};
    if (inlined) {
      p.head.insert(p.head.end(), frame.header.begin(), frame.header.end());
    } else {
      p.tail = std::move(frame.header);
    }
    if (auto sent = l.way.send(std::move(p)); !sent) return fail_link(l, sent.error());
    ++counters_.frames_sent;
    counters_.bytes_sent += bytes;
  }
}

message_head connections::make_head(link& l, message_type type) const {
  message_head head;
  head.type = type;
  head.session = l.peer_session;
  head.released = l.ledger->released();
  l.ledger->told(head.released);
  return head;
}

void connections::tell(link& l, message_type type) {
  if (l.failure) return;
  if (auto sent = l.way.send({encode(make_head(l, type)), {}, {}}); !sent)
    fail_link(l, sent.error());
}

}  // namespace troupe::ucx
