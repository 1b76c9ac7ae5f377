#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/api/generation.hpp"

namespace troupe {

/// Who listens to which request, and how far each choice has come: the gateway's journal of what
/// went out. Any thread.
class listener_table {
 public:
  explicit listener_table(std::size_t most) : most_(most) {}

  /// exhausted when `most` requests are open, unavailable once closed.
  [[nodiscard]] result<request_id> add(std::shared_ptr<generation_listener> listener,
                                       std::uint32_t choices);
  void remove(request_id id);

  /// Hands on one request's news in order. Tokens already handed out are dropped; a gap ends the
  /// request with an internal error, as an answer must never have a hole. Calls the listener
  /// without a lock held.
  void deliver(request_id id, std::vector<token_event> tokens,
               const std::vector<token_logprob>& scores, const generation_summary* summary);
  void fail(request_id id, const error& why);
  /// Fails every open request and refuses new ones.
  void close(const error& why);
  [[nodiscard]] std::size_t size() const;

 private:
  struct entry {
    std::shared_ptr<generation_listener> listener;
    std::vector<std::uint32_t> sent;  ///< tokens handed out, by choice
  };
  mutable std::mutex mutex_;
  std::size_t most_;
  bool closed_ = false;
  request_id next_ = 1;
  std::unordered_map<request_id, entry> entries_;
};

}  // namespace troupe
