#include "runtime/transport/inproc/switchboard.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/transport/frame_sizes.hpp"

namespace troupe::inproc {
namespace {

/// The memory that the receiver sees: the sender's own where it is one aligned piece.
std::pair<std::span<const std::byte>, std::shared_ptr<received_memory>> hand_over(
    const outgoing_frame& frame, const std::shared_ptr<credit_ledger>& ledger) {
  const std::size_t counted = frame_bytes(frame);
  const std::size_t bytes = counted - frame.header.size();
  if (bytes == 0) return {{}, std::make_shared<received_memory>(ledger, counted, aligned_bytes())};
  const auto whole = std::ranges::find_if(
      frame.payload, [bytes](const payload_part& p) { return p.bytes.size() == bytes; });
  if (whole != frame.payload.end() &&
      reinterpret_cast<std::uintptr_t>(whole->bytes.data()) % aligned_bytes::alignment == 0)
    return {whole->bytes,
            std::make_shared<received_memory>(ledger, counted, aligned_bytes(), whole->owner)};
  aligned_bytes copy(bytes);
  std::byte* to = copy.data();
  for (const payload_part& part : frame.payload) {
    if (part.bytes.empty()) continue;
    std::memcpy(to, part.bytes.data(), part.bytes.size());
    to += part.bytes.size();
  }
  auto memory = std::make_shared<received_memory>(ledger, counted, std::move(copy));
  return {memory->bytes(), memory};
}

}  // namespace

link* switchboard::find(peer_id self, peer_id peer) {
  const auto at = stations.find(self);
  if (at == stations.end()) return nullptr;
  const auto found = at->second.links.find(peer);
  return found == at->second.links.end() ? nullptr : &found->second;
}

result<void> switchboard::connect(peer_id self, const peer_address& peer, clock::time_point now,
                                  std::deque<outgoing_frame>& sent) {
  station& own = stations.at(self);
  if (peer.peer == self) return fail(errc::invalid_argument, "a peer cannot connect to itself");
  if (own.links.contains(peer.peer))
    return fail(errc::already_exists, "peer {:016x} is connected already", peer.peer);
  if (own.links.size() >= limits.peers)
    return fail(errc::exhausted, "{} peers are connected, which is the limit", limits.peers);
  const frame_totals window{limits.window_frames, limits.window_bytes};
  link& mine = own.links[peer.peer];
  mine.number = ++links_made;
  mine.nonce = peer.nonce;
  mine.deadline = now + limits.connect_deadline;
  mine.window = credit_window(window);
  mine.own_ledger = std::make_shared<credit_ledger>(window, nullptr);
  link* theirs = find(peer.peer, self);
  if (theirs == nullptr || theirs->open || theirs->broken || theirs->nonce != peer.nonce) {
    own.changed.notify_one();  // there is one deadline more
    return {};
  }
  mine.open = theirs->open = true;
  mine.peer_ledger = theirs->own_ledger;
  theirs->peer_ledger = mine.own_ledger;
  ++own.counters.peers;
  ++stations.at(peer.peer).counters.peers;
  sent = std::exchange(theirs->queue, {});
  for (outgoing_frame& frame : sent) deliver(peer.peer, *theirs, self, frame);
  return {};
}

link switchboard::disconnect(peer_id self, peer_id peer) {
  link* mine = find(self, peer);
  if (mine == nullptr) return {};
  station& own = stations.at(self);
  const bool joined = mine->open && !mine->broken;
  if (joined) {
    --own.counters.peers;
    break_link(peer, self, error(errc::unavailable, fmt::format("peer {:016x} closed", self)));
  }
  link rest = std::move(*mine);
  own.links.erase(peer);
  return rest;
}

result<void> switchboard::send(peer_id self, peer_id to, outgoing_frame& frame) {
  link* l = find(self, to);
  if (l == nullptr || l->broken) return fail(errc::not_found, "peer {:016x} is not connected", to);
  if (auto fits = check_size(frame, limits); !fits) return fits;
  const std::size_t bytes = frame_bytes(frame);
  if (!l->open) {
    if (l->queue.size() >= limits.queue_frames ||
        (!l->queue.empty() && l->queued_bytes + bytes > limits.queue_bytes))
      return fail(errc::exhausted, "peer {:016x}: {} frames wait for it", to, l->queue.size());
    l->queued_bytes += bytes;
    l->queue.push_back(std::move(frame));
    return {};
  }
  (void)l->window.returned(l->peer_ledger->released());
  if (!l->window.takes(bytes))
    return fail(errc::exhausted, "peer {:016x} takes no more for now: {} bytes are not released",
                to, l->window.outstanding().bytes);
  deliver(self, *l, to, frame);
  return {};
}

void switchboard::deliver(peer_id from, link& l, peer_id to, outgoing_frame& frame) {
  const std::size_t bytes = frame_bytes(frame);
  l.window.take(bytes);
  auto [payload, memory] = hand_over(frame, l.peer_ledger);
  station& sender = stations.at(from);
  ++sender.counters.frames_sent;
  sender.counters.bytes_sent += bytes;
  station& receiver = stations.at(to);
  incoming_frame arrived{from, frame.kind, std::move(frame.header), payload, std::move(memory)};
  receiver.inbox.push_back(frame_event{receiver.links.at(from).number, std::move(arrived)});
  receiver.changed.notify_one();
}

void switchboard::break_link(peer_id self, peer_id peer, error reason) {
  link* l = find(self, peer);
  if (l == nullptr || l->broken) return;
  l->broken = true;
  station& own = stations.at(self);
  if (l->open) --own.counters.peers;
  own.inbox.push_back(loss_event{l->number, peer, std::move(reason)});
  own.changed.notify_one();
}

std::optional<clock::time_point> switchboard::expire(peer_id self, clock::time_point now) {
  std::optional<clock::time_point> next;
  for (auto& [peer, l] : stations.at(self).links) {
    if (l.open || l.broken) continue;
    if (l.deadline <= now) {
      break_link(self, peer,
                 error(errc::deadline_exceeded,
                       fmt::format("peer {:016x} did not answer the introduction", peer)));
    } else {
      next = std::min(next.value_or(l.deadline), l.deadline);
    }
  }
  return next;
}

}  // namespace troupe::inproc
