#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "runtime/transport/transport.hpp"

namespace troupe {

/// Tells from silence which peers are suspect and which are gone. Only local times of arrival
/// count: what clock a peer has plays no part.
///
/// Silence is measured on a clock of its own that runs only while tick() is called: an observer
/// that was itself frozen, or starved of its core, has heard nobody and knows nothing. After a gap
/// it also waits until what arrived meanwhile has had time to be read. Not thread-safe.
class failure_detector {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    duration interval = std::chrono::milliseconds(100);  ///< between heartbeats, and between ticks
    duration suspect_after = std::chrono::milliseconds(500);  ///< of silence
    duration gone_after = std::chrono::seconds(2);            ///< of silence
    /// A longer gap between ticks counts as this much.
    duration longest_gap = std::chrono::milliseconds(250);
  };

  /// What has changed at a tick, in the order of peer ids.
  struct verdicts {
    std::vector<peer_id> suspect;
    std::vector<peer_id> gone;  ///< no longer watched
  };

  failure_detector() : failure_detector(limits()) {}
  explicit failure_detector(limits l) : limits_(l) {}

  /// Watches a peer from now on, as if it had just been heard. Watched already: counts as heard.
  void watch(peer_id peer, time_point now);
  void forget(peer_id peer) { peers_.erase(peer); }
  /// A heartbeat, or anything else that the peer itself sent, has arrived. True: it was suspect and
  /// is so no longer. A peer that is not watched is ignored: who is gone stays gone.
  bool heard(peer_id peer, time_point now);
  /// Evidence other than silence (a broken connection, a step past its deadline) makes it suspect
  /// at once; hearing it withdraws that too. True: it was not suspect before.
  bool accuse(peer_id peer);
  /// To be called every interval or so.
  [[nodiscard]] verdicts tick(time_point now);

  [[nodiscard]] bool is_suspect(peer_id peer) const;
  /// How long the peer has been silent, not counting what the observer missed; zero if not watched.
  [[nodiscard]] duration silence(peer_id peer, time_point now) const;
  /// Gaps between ticks that were too long to count in full.
  [[nodiscard]] std::uint64_t stalls() const { return stalls_; }

 private:
  struct watched {
    duration heard_at{0};  ///< on the detector's own clock
    bool suspect = false;
  };

  [[nodiscard]] duration observed(time_point now) const;

  limits limits_;
  std::map<peer_id, watched> peers_;
  bool started_ = false;
  time_point last_tick_;
  duration observed_{0};   ///< the detector's own clock, at the last tick
  bool settling_ = false;  ///< after a gap: what arrived meanwhile is being read
  duration settled_at_{0};
  std::uint64_t stalls_ = 0;
};

}  // namespace troupe
