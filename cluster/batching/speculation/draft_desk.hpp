#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"
#include "cluster/batching/speculation/draft_ask.hpp"
#include "runtime/api/generation.hpp"

namespace troupe {

/// Turns a batcher's asks into requests to a small model's batcher, and what those draw into
/// guesses. The small model's prefix cache keeps what it has read, so that each request costs the
/// tokens that are new. A text of which much is new is read first, without an answer, so that
/// nobody waits for it.
class draft_desk {
 public:
  /// New tokens of a text that are read while the asker waits.
  static constexpr std::uint32_t most_behind = 64;

  /// Guesses past `vocabulary` are cut off.
  explicit draft_desk(std::uint32_t vocabulary) : vocabulary_(vocabulary) {}

  struct order {
    request_id id = 0;
    std::shared_ptr<const generation_request> asked;
  };
  /// Takes an ask, in place of one that is still open; returns what to request.
  [[nodiscard]] std::vector<order> take(const draft_ask& ask);
  void on_news(const request_news& news);
  /// A request came to nothing.
  void on_failure(request_id id);
  /// The answer to the open ask, once, when it is complete.
  [[nodiscard]] std::optional<draft_reply> answer();

 private:
  struct work {
    sequence_id text = 0;
    std::uint32_t length = 0;
    std::uint64_t ask = 0;  ///< 0: only reads
    std::vector<token_id> drawn;
  };
  struct progress {
    std::uint32_t read = 0;  ///< tokens in the small model's cache, or so it was
    bool busy = false;
  };
  void finish(request_id id, bool done);

  std::uint32_t vocabulary_;
  std::unordered_map<request_id, work> works_;
  std::unordered_map<sequence_id, progress> texts_;
  std::uint64_t ask_ = 0;
  std::size_t missing_ = 0;  ///< requests that the open ask waits for
  bool open_ = false;
  draft_reply reply_;
  request_id next_ = 1;
};

}  // namespace troupe
