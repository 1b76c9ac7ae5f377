#include "actors/cluster/data_port.hpp"

#include <algorithm>
#include <utility>

#include "runtime/transport/frame_sizes.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// What the transport would bring, had it anybody to bring it from.
incoming_frame to_oneself(outgoing_frame&& frame, peer_id self) {
  incoming_frame arrived{self, frame.kind, std::move(frame.header), {}, nullptr};
  if (frame.payload.size() == 1) {
    arrived.payload = frame.payload.front().bytes;
    arrived.owner = std::move(frame.payload.front().owner);
  } else if (!frame.payload.empty()) {
    const auto whole = std::make_shared<std::vector<std::byte>>();
    for (const payload_part& part : frame.payload)
      whole->insert(whole->end(), part.bytes.begin(), part.bytes.end());
    arrived.payload = *whole;
    arrived.owner = whole;
  }
  return arrived;
}

}  // namespace

void data_port::route(frame_kind kind, taker take) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  takers_[kind] = take ? std::make_shared<const taker>(std::move(take)) : nullptr;
}

void data_port::start(transport::loss_handler on_loss) {
  net_->start([this](incoming_frame&& frame) { take(std::move(frame)); },
              [this, on_loss = std::move(on_loss)](peer_id peer, const error& why) {
                {
                  const std::lock_guard lock(mutex_);
                  connected_.erase(peer);
                }
                if (!enter()) return;
                on_loss(peer, why);
                leave();
              });
}

void data_port::close() {
  std::map<frame_kind, std::shared_ptr<const taker>> takers;
  std::unique_lock lock(mutex_);
  closed_ = true;
  handed_.wait(lock, [this] { return handing_ == 0; });
  takers.swap(takers_);
  lock.unlock();
}

bool data_port::enter() {
  const std::lock_guard lock(mutex_);
  if (!closed_) ++handing_;
  return !closed_;
}

void data_port::leave() {
  const std::lock_guard lock(mutex_);
  if (--handing_ == 0) handed_.notify_all();
}

void data_port::take(incoming_frame&& frame) {
  std::shared_ptr<const taker> wanted;
  {
    const std::lock_guard lock(mutex_);
    const auto known = takers_.find(frame.kind);
    if (known != takers_.end() && !closed_) wanted = known->second;
    if (wanted != nullptr) ++handing_;
  }
  if (wanted == nullptr) {
    ++dropped_;
    return;
  }
  (*wanted)(std::move(frame));
  wanted.reset();
  leave();
}

result<void> data_port::connect_to(const std::vector<peer_address>& peers) {
  const std::lock_guard lock(mutex_);
  for (auto known = connected_.begin(); known != connected_.end();) {
    const bool kept = std::ranges::any_of(peers, [&](const peer_address& p) {
      return p.peer == known->first && p.nonce == known->second.nonce;
    });
    if (!kept) net_->disconnect(known->first);
    known = kept ? std::next(known) : connected_.erase(known);
  }
  for (const peer_address& p : peers)
    if (auto done = connect_locked(p); !done) return done;
  return {};
}

result<void> data_port::connect(const peer_address& peer) {
  const std::lock_guard lock(mutex_);
  return connect_locked(peer);
}

result<void> data_port::connect_locked(const peer_address& peer) {
  if (peer.peer == net_->self() || connected_.contains(peer.peer)) return {};
  if (auto done = net_->connect(peer); !done) return done;
  connected_.emplace(peer.peer, connection{peer.nonce, peer.protocol});
  return {};
}

void data_port::disconnect(peer_id peer) {
  const std::lock_guard lock(mutex_);
  connected_.erase(peer);
  net_->disconnect(peer);
}

result<void> data_port::send(peer_id to, outgoing_frame frame) {
  if (to == net_->self()) {
    take(to_oneself(std::move(frame), to));
    return {};
  }
  const frame_kind kind = frame.kind;
  const std::size_t header = frame.header.size();
  const std::size_t payload = payload_bytes(frame);
  {
    const std::lock_guard lock(mutex_);
    const auto known = connected_.find(to);
    if (known != connected_.end() && known->second.protocol != 0)
      set_version(frame.header, known->second.protocol);
  }
  auto done = net_->send(to, std::move(frame));
  if (done)
    sent_.count(kind, header, payload);
  else
    ++dropped_;
  return done;
}

}  // namespace troupe
