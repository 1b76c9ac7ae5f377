#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// Tokens, of the same vocabulary, that may follow a text. Wrong ones cost time and nothing else.
struct draft_guess {
  /// Guesses of unlike reliability are judged apart.
  static constexpr std::uint32_t strengths = 4;

  std::vector<token_id> tokens;
  std::uint32_t strength = 0;  ///< 0 .. strengths - 1
};

/// Guesses what follows the sequences of a batcher. Used by one batch_scheduler.
class draft_source {
 public:
  draft_source() = default;
  draft_source(const draft_source&) = delete;
  draft_source& operator=(const draft_source&) = delete;
  virtual ~draft_source() = default;

  /// The first `tokens` of a sequence are known: a chance to take them in bit by bit. They never
  /// change; after a failure fewer may come again.
  virtual void follow(sequence_id id, std::span<const token_id> tokens) = 0;
  /// At most `most` tokens that may follow `tokens`, which are all of the sequence; perhaps none.
  /// They are ids that the sequence could hold: the model reads them.
  [[nodiscard]] virtual draft_guess propose(sequence_id id, std::span<const token_id> tokens,
                                            std::uint32_t most) = 0;
  /// The sequence ended. Unknown: ignored.
  virtual void forget(sequence_id id) = 0;
};

}  // namespace troupe
