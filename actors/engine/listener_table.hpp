#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/api/generation.hpp"

namespace troupe {

/// Who listens to which request, and how far each choice has come: a gateway's journal of what went
/// out. Any thread.
///
/// One that keeps requests remembers what was asked and everything that came of it, so that an
/// answer outlives those who draw it: whoever serves next is handed the request with its progress.
class listener_table {
 public:
  enum class memory : std::uint8_t { none, requests };

  /// Ids are given from `first` on.
  explicit listener_table(std::size_t most, memory keeps = memory::none, request_id first = 1)
      : most_(most), keeps_(keeps), next_(first) {}

  /// exhausted when `most` requests are open, unavailable once closed.
  [[nodiscard]] result<request_id> add(std::shared_ptr<generation_listener> listener,
                                       std::shared_ptr<const generation_request> asked);
  /// The listener hears nothing more, but for one that has taken the request over: it may not be
  /// the one that gives it up, and hears that it is cancelled.
  void remove(request_id id);

  /// Hands on one request's news in order. Tokens already handed out are dropped; a gap ends the
  /// request with an internal error, as an answer must never have a hole. Calls the listener
  /// without a lock held.
  void deliver(request_news news);
  void fail(request_id id, const error& why);
  /// Fails every open request and refuses new ones.
  void close(const error& why);
  [[nodiscard]] std::size_t size() const;

  // Only of one that keeps requests:
  /// A request that another gateway had asked for: its news are gathered until somebody listens.
  /// Ignored where it is known. True: it is new, and nobody listens.
  bool expect(request_id id, std::shared_ptr<const generation_request> asked);
  /// Somebody listens, in place of whoever did: that one hears `cancelled`. What was gathered is
  /// handed out at once. not_found: the request is not known, or is over. To be called from the
  /// thread that delivers.
  [[nodiscard]] result<void> attach(request_id id,
                                    const std::shared_ptr<generation_listener>& listener);
  /// The request with its progress; null where it is over.
  [[nodiscard]] std::shared_ptr<const generation_request> unfinished(request_id id) const;
  /// Every request that has not ended, oldest first.
  [[nodiscard]] std::vector<request_id> open() const;

 private:
  struct entry {
    std::shared_ptr<generation_listener> listener;  ///< null: nobody listens yet
    bool taken_over = false;                        ///< the listener is not the first
    std::shared_ptr<const generation_request> asked;
    std::vector<std::uint32_t> sent;            ///< tokens that came, by choice
    std::vector<bool> ended;                    ///< by choice
    answer_progress progress;                   ///< only where requests are kept
    std::optional<generation_summary> summary;  ///< with nobody listening
    std::optional<error> failure;               ///< with nobody listening
  };
  /// Takes out what came before; true: something is missing.
  [[nodiscard]] static bool filter(entry& e, request_news& news);

  mutable std::mutex mutex_;
  std::size_t most_;
  memory keeps_;
  bool closed_ = false;
  request_id next_;
  std::map<request_id, entry> entries_;
};

}  // namespace troupe
