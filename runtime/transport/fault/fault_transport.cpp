#include "runtime/transport/fault/fault_transport.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

fault_transport::fault_transport(std::unique_ptr<transport> inner, std::uint64_t seed,
                                 clock::time_point now)
    : rules_(seed, inner->self()), now_(now), inner_(std::move(inner)) {}

void fault_transport::add(const fault_rule& rule) {
  const std::lock_guard lock(mutex_);
  rules_.add(rule);
}

void fault_transport::clear_rules() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

void fault_transport::sever(peer_id peer) {
  lane lost;
  const std::lock_guard lock(mutex_);
  severed_.insert(peer);
  lost = std::exchange(lanes_[peer], {});
  dropped_ += lost.late.size() + lost.overtaken.size();
}

void fault_transport::heal(peer_id peer) {
  const std::lock_guard lock(mutex_);
  severed_.erase(peer);
}

void fault_transport::break_connection(peer_id peer) {
  const std::lock_guard handling(handling_);
  {
    const std::lock_guard lock(mutex_);
    if (connected_.erase(peer) == 0) return;
  }
  disconnect(peer);
  on_loss_(peer, error(errc::unavailable, "the connection was broken on purpose"));
}

void fault_transport::start(frame_handler on_frame, loss_handler on_loss) {
  on_loss_ = std::move(on_loss);
  inner_->start(
      [this, on_frame = std::move(on_frame)](incoming_frame&& frame) {
        const std::lock_guard handling(handling_);
        {
          const std::lock_guard lock(mutex_);
          if (severed_.contains(frame.from)) {
            ++dropped_;
            return;
          }
        }
        on_frame(std::move(frame));
      },
      [this](peer_id peer, const error& reason) {
        const std::lock_guard handling(handling_);
        {
          decltype(lanes_)::node_type lost;
          const std::lock_guard lock(mutex_);
          if (connected_.erase(peer) == 0) return;
          lost = lanes_.extract(peer);
        }
        on_loss_(peer, reason);
      });
}

result<void> fault_transport::connect(const peer_address& peer) {
  bool fresh = false;
  {
    // Before it is connected: it may be lost before this function goes on.
    const std::lock_guard lock(mutex_);
    fresh = connected_.insert(peer.peer).second;
  }
  auto done = inner_->connect(peer);
  if (!done && fresh) {
    const std::lock_guard lock(mutex_);
    connected_.erase(peer.peer);
  }
  return done;
}

void fault_transport::disconnect(peer_id peer) {
  inner_->disconnect(peer);
  decltype(lanes_)::node_type lost;
  const std::lock_guard lock(mutex_);
  connected_.erase(peer);
  lost = lanes_.extract(peer);
}

result<void> fault_transport::send(peer_id to, outgoing_frame frame) {
  const std::lock_guard lock(mutex_);
  if (!connected_.contains(to)) return fail(errc::not_found, "peer {:016x} is not connected", to);
  const frame_fate fate = rules_.decide(to, frame.kind);
  if (fate.drop || severed_.contains(to)) {
    ++dropped_;
    return {};
  }
  lane& l = lanes_[to];
  const std::size_t waiting = l.late.size() + l.overtaken.size();
  if (waiting + fate.copies > most_held)
    return fail(errc::exhausted, "peer {:016x}: {} frames are held back", to, waiting);
  for (std::uint32_t copy = 1; copy < fate.copies; ++copy) {
    if (auto sent = delay(to, l, fate, frame); !sent) return sent;
  }
  return delay(to, l, fate, std::move(frame));
}

result<void> fault_transport::delay(peer_id to, lane& l, const frame_fate& fate,
                                    outgoing_frame frame) {
  if (fate.overtaken_by > 0) {
    l.overtaken.push_back({fate.overtaken_by, std::move(frame)});
    return {};
  }
  // Behind a frame that waits, even one without a delay of its own waits.
  const auto due = now_ + fate.delay;
  if (due <= now_ && l.late.empty()) return pass(to, l, std::move(frame));
  l.late.push_back({l.late.empty() ? due : std::max(due, l.late.back().due), std::move(frame)});
  return {};
}

result<void> fault_transport::pass(peer_id to, lane& l, outgoing_frame frame) {
  auto sent = inner_->send(to, std::move(frame));
  if (!sent) return sent;
  for (overtaken_frame& held : l.overtaken) --held.left;
  while (true) {
    const auto next = std::ranges::find(l.overtaken, 0U, &overtaken_frame::left);
    if (next == l.overtaken.end()) return {};
    outgoing_frame late = std::move(next->frame);
    l.overtaken.erase(next);
    if (!inner_->send(to, std::move(late))) ++dropped_;
  }
}

void fault_transport::advance(clock::time_point now) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, now);
  while (true) {
    const auto first = std::ranges::min_element(lanes_, {}, [](const auto& entry) {
      const auto& late = entry.second.late;
      const auto due = late.empty() ? clock::time_point::max() : late.front().due;
      return std::pair(due, entry.first);
    });
    if (first == lanes_.end() || first->second.late.empty() ||
        first->second.late.front().due > now_)
      return;
    outgoing_frame frame = std::move(first->second.late.front().frame);
    first->second.late.pop_front();
    if (!pass(first->first, first->second, std::move(frame))) ++dropped_;
  }
}

void fault_transport::release() {
  const std::lock_guard lock(mutex_);
  for (auto& [peer, l] : lanes_) {
    for (overtaken_frame& held : std::exchange(l.overtaken, {})) {
      if (!inner_->send(peer, std::move(held.frame))) ++dropped_;
    }
  }
}

std::size_t fault_transport::held() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [peer, l] : lanes_) count += l.late.size() + l.overtaken.size();
  return count;
}

std::uint64_t fault_transport::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace troupe
