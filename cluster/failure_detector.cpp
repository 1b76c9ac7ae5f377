#include "cluster/failure_detector.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

failure_detector::duration failure_detector::observed(time_point now) const {
  if (!started_ || now <= last_tick_) return observed_;
  return observed_ + std::min(now - last_tick_, limits_.longest_gap);
}

void failure_detector::watch(peer_id peer, time_point now) {
  peers_[peer] = {observed(now), false};
}

bool failure_detector::heard(peer_id peer, time_point now) {
  const auto at = peers_.find(peer);
  if (at == peers_.end()) return false;
  at->second.heard_at = std::max(at->second.heard_at, observed(now));
  return std::exchange(at->second.suspect, false);
}

bool failure_detector::accuse(peer_id peer) {
  const auto at = peers_.find(peer);
  return at != peers_.end() && !std::exchange(at->second.suspect, true);
}

failure_detector::verdicts failure_detector::tick(time_point now) {
  if (started_ && now > last_tick_ && now - last_tick_ > limits_.longest_gap) {
    ++stalls_;
    // Where every gap is too long, each second tick still judges: slow is not blind.
    if (!settling_) {
      settling_ = true;
      settled_at_ = observed(now) + limits_.interval;
    }
  }
  observed_ = observed(now);
  last_tick_ = started_ ? std::max(now, last_tick_) : now;
  started_ = true;
  verdicts found;
  if (settling_ && observed_ < settled_at_) return found;
  settling_ = false;
  for (auto at = peers_.begin(); at != peers_.end();) {
    const duration silent = observed_ - at->second.heard_at;
    if (silent >= limits_.gone_after) {
      found.gone.push_back(at->first);
      at = peers_.erase(at);
      continue;
    }
    if (silent >= limits_.suspect_after && !std::exchange(at->second.suspect, true))
      found.suspect.push_back(at->first);
    ++at;
  }
  return found;
}

bool failure_detector::is_suspect(peer_id peer) const {
  const auto at = peers_.find(peer);
  return at != peers_.end() && at->second.suspect;
}

failure_detector::duration failure_detector::silence(peer_id peer, time_point now) const {
  const auto at = peers_.find(peer);
  return at == peers_.end() ? duration{0}
                            : std::max(duration{0}, observed(now) - at->second.heard_at);
}

}  // namespace troupe
