#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/token.hpp"

namespace troupe {

/// Finds where a text last looked as it does at its end, to guess what follows (prompt look-up).
///
/// Chains of positions that end in the same pair of tokens, as LZ77 compressors keep them: taking a
/// token in costs constant time, a search looks at a bounded number of earlier places, and memory
/// is 8 to 12 bytes a token. Not shared between threads. It keeps no tokens: every call is given
/// all of them, and those taken in must not change.
class ngram_index {
 public:
  static constexpr std::uint32_t least_match = 2;       ///< tokens that must agree
  static constexpr std::uint32_t longest_match = 16;    ///< agreement beyond this is not compared
  static constexpr std::uint32_t most_candidates = 32;  ///< earlier places that a search looks at

  struct match {
    std::uint32_t next = 0;    ///< position of the token that followed the earlier place
    std::uint32_t length = 0;  ///< tokens that agree, least_match .. longest_match
  };

  /// Takes in `tokens[size() ..]`; amortised constant time a token.
  void extend(std::span<const token_id> tokens);
  /// Tokens taken in.
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(previous_.size()); }
  /// The earlier place that agrees longest with the end of `tokens`, which are all taken in; of
  /// equals the latest.
  [[nodiscard]] std::optional<match> find(std::span<const token_id> tokens) const;

 private:
  [[nodiscard]] std::size_t bucket(token_id before, token_id last) const;
  void link(std::span<const token_id> tokens, std::uint32_t at);
  void grow(std::span<const token_id> tokens);

  static constexpr std::uint32_t nowhere = UINT32_MAX;
  std::vector<std::uint32_t> heads_;     ///< by bucket: the latest position; a power of two of them
  std::vector<std::uint32_t> previous_;  ///< by position: the one before it in its bucket
};

/// What followed at `from`, continued: at most `most` tokens. Where the text ends the guess goes on
/// with itself, so that a short loop is repeated for as long as asked.
[[nodiscard]] std::vector<token_id> copy_from(std::span<const token_id> tokens, std::uint32_t from,
                                              std::uint32_t most);

}  // namespace troupe
