#pragma once

#include <unordered_map>

#include "cluster/batching/speculation/draft_source.hpp"
#include "cluster/batching/speculation/ngram_index.hpp"

namespace troupe {

/// Prompt look-up: guesses that a sequence goes on as it did where it last read like this. Right
/// often where an answer quotes, edits or sums up its prompt, or repeats itself.
class ngram_source final : public draft_source {
 public:
  void follow(sequence_id id, std::span<const token_id> tokens) override;
  [[nodiscard]] draft_guess propose(sequence_id id, std::span<const token_id> tokens,
                                    std::uint32_t most) override;
  void forget(sequence_id id) override { indexes_.erase(id); }

  /// Sequences it knows.
  [[nodiscard]] std::size_t sequences() const { return indexes_.size(); }

 private:
  std::unordered_map<sequence_id, ngram_index> indexes_;
};

}  // namespace troupe
