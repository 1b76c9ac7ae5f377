#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"
#include "runtime/wire/answer_frames.hpp"

namespace troupe {

/// Every answer that gateways of other processes have asked for, from its first token to some time
/// after its last: what came of it, whose it is, and how much that gateway was told.
///
/// Nothing is lost with a gateway, a connection or a frame that could not be sent: whoever owns an
/// answer next is told the rest. A plain value of what it is told; not thread-safe.
class answer_book {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct limits {
    std::chrono::milliseconds orphan_patience{30'000};  ///< for somebody to take an answer over
    std::chrono::milliseconds kept{30'000};             ///< an answer that has ended
    std::size_t ended_bytes = std::size_t{256} << 20U;  ///< of all that have; oldest go first
    std::size_t open = 65'536;                          ///< answers that have not ended
    std::size_t events_at_once = 4096;                  ///< in one answer_news
  };
  explicit answer_book(const limits& l) : limits_(l) {}

  /// A gateway asks. True: it is new, and goes to the batcher; it may resume what an earlier
  /// supervisor knew. False: it is known here, the gateway owns it from now on and is told what it
  /// does not have; or another one that lives has taken it over, and it is told that. exhausted at
  /// the bound of open answers.
  [[nodiscard]] result<bool> open(peer_id gateway, const asked_request& request, time_point now);
  /// The gateway does not want it any more. True: it had not ended, the batcher must hear of it.
  [[nodiscard]] bool forget(peer_id gateway, request_id id, time_point now);
  /// What came of requests. News of unknown ones are dropped.
  void take(std::vector<request_news> news, time_point now);
  void fail(request_id id, const error& why, time_point now);

  /// An answer that the gateway takes over, by the response's name; it is told all of it from the
  /// beginning. not_found says that there is none (any more).
  [[nodiscard]] result<asked_request> recall(peer_id gateway, const std::string& name,
                                             time_point now);
  /// The gateway's connection is gone: what it had asked for goes on for a while.
  void lose(peer_id gateway, time_point now);
  /// Ends what nobody has taken over; the batcher must hear of those. Drops what was kept long
  /// enough.
  [[nodiscard]] std::vector<request_id> tick(time_point now);

  /// Whom there is something to tell.
  [[nodiscard]] std::vector<peer_id> waiting() const;
  /// What the gateway has not been told, as far as it fits one frame.
  [[nodiscard]] answer_news news_for(peer_id gateway) const;
  /// The gateway has been sent what news_for() gave; nothing has changed since.
  void told(peer_id gateway, const answer_news& sent);

  [[nodiscard]] std::size_t size() const { return answers_.size(); }
  /// Answers that have not ended and that this gateway owns.
  [[nodiscard]] std::size_t open_of(peer_id gateway) const;

 private:
  struct record {
    peer_id owner = 0;  ///< 0: nobody's
    std::shared_ptr<const generation_request> asked;
    answer_progress progress;
    std::optional<generation_summary> summary;
    std::optional<error> failure;
    time_point since;  ///< of being nobody's, or of its end
    bool ended = false;
    std::size_t bytes = 0;
    // How much the owner was told.
    std::size_t events_told = 0;
    bool scores_told = false;
    bool cached_told = false;
    bool end_told = false;
  };

  [[nodiscard]] static bool has_news(const record& r);
  void credit(record& r, const generation_request& asked) const;
  void end(request_id id, record& r, time_point now);
  void own(request_id id, record& r, peer_id gateway);
  void note(request_id id, const record& r);
  void drop(std::unordered_map<request_id, record>::iterator at);

  limits limits_;
  std::unordered_map<request_id, record> answers_;
  std::unordered_map<std::string, request_id> names_;
  std::map<peer_id, std::set<request_id>> news_;      ///< by gateway: answers with news
  std::map<peer_id, std::vector<request_id>> moved_;  ///< by gateway: answers that it no longer has
  std::deque<request_id> ended_;                      ///< in order of their ends
  std::size_t ended_bytes_ = 0;
  std::size_t open_ = 0;
};

}  // namespace troupe
