#include "runtime/transport/ucx/outbound.hpp"

#include <algorithm>
#include <utility>

#include "runtime/transport/ucx/messages.hpp"

namespace troupe::ucx {

result<void> outbound::send(parcel p) {
  if (port_->most_piece_bytes() == 0) return port_->send(to_, std::move(p));
  kept_.push_back(std::move(p));
  if (kept_.size() > 1) return {};
  if (auto sent = resume(); !sent) return fail(std::move(sent.error()));
  return {};
}

result<bool> outbound::resume() {
  bool some = false;
  while (!kept_.empty()) {
    if (!next_) next_ = cut();
    const std::span<const std::byte> head = next_->head.empty() ? kept_.front().head : next_->head;
    auto left = port_->try_send(to_, head, next_->data);
    if (!left) return fail(std::move(left.error()));
    if (!*left) return some;
    some = true;
    at_ = next_->end;
    sent_ += next_->data.size();
    if (std::exchange(next_, std::nullopt)->last) {
      kept_.pop_front();
      at_ = {};
      sent_ = 0;
    }
  }
  return some;
}

std::span<const std::byte> outbound::part(std::size_t index) const {
  const parcel& p = kept_.front();
  return index < p.parts.size() ? p.parts[index].bytes : std::span<const std::byte>(p.tail);
}

outbound::piece outbound::cut() {
  const parcel& p = kept_.front();
  piece made;
  if (sent_ > 0) made.head = head_of_rest(p.head, sent_);
  const std::size_t most =
      port_->most_piece_bytes() - (made.head.empty() ? p.head.size() : made.head.size());
  gathered_.clear();
  cursor at = at_;
  // One stretch of memory goes from where it lies; several are put together first.
  for (; at.part <= p.parts.size(); at = {at.part + 1, 0}) {
    const auto left = part(at.part).subspan(at.offset);
    const std::size_t room = most - (gathered_.empty() ? made.data.size() : gathered_.size());
    if (left.empty()) continue;
    if (room == 0) break;
    const auto taken = left.first(std::min(left.size(), room));
    if (made.data.empty()) {
      made.data = taken;
    } else {
      if (gathered_.empty()) gathered_.assign(made.data.begin(), made.data.end());
      gathered_.insert(gathered_.end(), taken.begin(), taken.end());
    }
    if (taken.size() < left.size()) {
      at.offset += taken.size();
      break;
    }
  }
  if (!gathered_.empty()) made.data = gathered_;
  made.end = at;
  made.last = at.part > p.parts.size();
  return made;
}

}  // namespace troupe::ucx
