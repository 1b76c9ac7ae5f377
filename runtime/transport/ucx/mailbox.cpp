#include "runtime/transport/ucx/mailbox.hpp"

#include <utility>

#include "runtime/transport/frame_sizes.hpp"

namespace troupe::ucx {

result<void> mailbox::connect(const peer_address& peer) {
  if (peer.peer == self_) return fail(errc::invalid_argument, "a peer cannot connect to itself");
  {
    const std::lock_guard lock(mutex_);
    if (boxes_.contains(peer.peer))
      return fail(errc::already_exists, "peer {:016x} is connected already", peer.peer);
    if (boxes_.size() >= limits_.peers)
      return fail(errc::exhausted, "{} peers are connected, which is the limit", limits_.peers);
    auto box = std::make_shared<outbox>(peer.peer);
    boxes_.emplace(peer.peer, box);
    push({command::action::connect, std::move(box), peer, {}});
  }
  bell_->wake.wake();
  return {};
}

void mailbox::disconnect(peer_id peer) {
  {
    const std::lock_guard lock(mutex_);
    auto found = boxes_.extract(peer);
    if (found.empty()) return;
    found.mapped()->closed.store(true);
    push({command::action::disconnect, std::move(found.mapped()), {}, {}});
  }
  bell_->wake.wake();
}

result<void> mailbox::send(peer_id to, outgoing_frame frame) {
  if (auto fits = check_size(frame, limits_); !fits) return fits;
  const std::size_t bytes = frame_bytes(frame);
  {
    const std::lock_guard lock(mutex_);
    const auto found = boxes_.find(to);
    if (found == boxes_.end()) return fail(errc::not_found, "peer {:016x} is not connected", to);
    outbox& box = *found->second;
    const std::uint32_t frames = box.frames.load();
    const std::size_t waiting = box.bytes.load();
    if (frames >= limits_.queue_frames || (frames > 0 && waiting + bytes > limits_.queue_bytes))
      return fail(errc::exhausted, "peer {:016x} takes no more for now: {} frames of {} bytes wait",
                  to, frames, waiting);
    box.frames.fetch_add(1);
    box.bytes.fetch_add(bytes);
    push({command::action::send, found->second, {}, std::move(frame)});
  }
  bell_->wake.wake();
  return {};
}

void mailbox::push(command c) {
  queue_.push_back(std::move(c));
  filled_.store(true);
}

void mailbox::take(std::vector<command>& into) {
  into.clear();
  if (empty()) return;
  const std::lock_guard lock(mutex_);
  into.swap(queue_);
  filled_.store(false);
}

void mailbox::forget(const outbox& box) {
  const std::lock_guard lock(mutex_);
  const auto found = boxes_.find(box.peer);
  if (found != boxes_.end() && found->second.get() == &box) boxes_.erase(found);
}

}  // namespace troupe::ucx
