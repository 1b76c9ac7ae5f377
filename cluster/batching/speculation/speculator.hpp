#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cluster/batching/speculation/acceptance.hpp"
#include "cluster/batching/speculation/draft_ask.hpp"
#include "cluster/batching/speculation/draft_source.hpp"
#include "cluster/batching/speculation/step_cost.hpp"

namespace troupe {

struct speculation_limits {
  std::uint32_t max_draft = 8;  ///< most guessed tokens of a sequence in a step
  std::uint32_t rows = 32;      ///< most rows of a step that decode, guessed ones included
  bool ask_drafter = false;     ///< guesses come from a drafter, which must be asked and waited for
};

struct speculation_counts {
  std::uint64_t drafted = 0;   ///< guessed tokens computed
  std::uint64_t accepted = 0;  ///< of them, those that were drawn
};

/// Which guessed tokens to compute beside the next row of each decoding sequence (speculative
/// decoding; Leviathan et al. 2023, here accepted only where the draw itself agrees).
///
/// It learns how good the guesses of each sequence are and what rows cost, and guesses as far as
/// pays. Guesses that were not computed are judged too, against the tokens that came: a sequence
/// whose guesses were bad is tried again as soon as they would have been good. Guesses that must be
/// asked for cost time themselves: none is asked for while they would not pay, but now and then. A
/// plain value of time and tokens; used by one batch_scheduler.
class speculator {
 public:
  /// `source` is null where limits.ask_drafter is set.
  speculator(const speculation_limits& limits, std::unique_ptr<draft_source> source);

  /// A sequence whose next token is to be drawn.
  struct decoding {
    sequence_id id = 0;
    std::span<const token_id> tokens;  ///< all of them
    std::uint32_t most = 0;            ///< guessed tokens it has room for
    cache_space space = 0;             ///< of its request
  };

  /// Takes in known tokens of a sequence that does not decode yet.
  void follow(sequence_id id, std::span<const token_id> tokens);
  /// What to ask a drafter before choose(); nothing where that would not pay, or was asked already.
  [[nodiscard]] std::optional<draft_ask> ask(std::span<const decoding> batch);
  /// The drafter's answer, which took `seconds`; nullopt: it gave none in time.
  void take(const std::optional<draft_reply>& reply, double seconds);
  /// The guessed tokens to compute, for each in order. The same until something is learnt.
  [[nodiscard]] std::vector<std::span<const token_id>> choose(std::span<const decoding> batch);
  /// `tokens` drew new ones: judges the last guess about them.
  void learn(sequence_id id, std::span<const token_id> tokens);
  /// A step of nothing but decoding took `seconds`.
  void observe_step(std::uint32_t rows, double seconds) { cost_.observe(rows, seconds); }
  void count(std::uint64_t drafted, std::uint64_t accepted);
  /// The sequence ended. Unknown: ignored.
  void forget(sequence_id id);

  [[nodiscard]] const speculation_counts& counts() const { return counts_; }

 private:
  struct record {
    std::uint32_t guessed_at = 0;  ///< tokens there were when `guess` was made; 0: none was
    draft_guess guess;
    bool asked = false;  ///< a drafter knows of the sequence
    std::array<acceptance, draft_guess::strengths> rates;
  };
  [[nodiscard]] double rate_of(const record& r) const;

  speculation_limits limits_;
  std::unique_ptr<draft_source> source_;
  std::unordered_map<sequence_id, record> records_;
  std::array<acceptance, draft_guess::strengths> usual_;  ///< over all sequences: a new one's prior
  step_cost cost_;
  double token_seconds_ = 0;  ///< a drafter's time for one more token of every text
  std::uint32_t asked_ = 0;   ///< most tokens of a text in the open ask
  std::uint32_t pause_ = 0;   ///< steps to go without asking a drafter that was late
  std::vector<sequence_id> ended_;
  speculation_counts counts_;
};

}  // namespace troupe
