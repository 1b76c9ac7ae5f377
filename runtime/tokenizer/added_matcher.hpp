#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/pair_map.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe::text {

/// A stretch of text: an added token, or what lies between two of them.
struct text_piece {
  static constexpr token_id ordinary = -1;

  std::size_t begin = 0;
  std::size_t end = 0;
  token_id token = ordinary;
};

/// Finds added tokens in text as Hugging Face tokenizers does: at the leftmost position the longest
/// one, then on from its end. Immutable once built.
class added_matcher {
 public:
  /// Tokens with empty content match nothing. Contents must differ from each other.
  explicit added_matcher(std::vector<added_token> tokens);

  /// Appends the pieces of `text` in order; empty ones are left out. Linear in the length of
  /// `text`. Without `parse_special` a special token is text like any other (but still hides
  /// shorter tokens that begin where it does, as in Hugging Face tokenizers).
  void split(std::string_view text, bool parse_special, std::vector<text_piece>& out) const;

  [[nodiscard]] bool empty() const { return tokens_.empty(); }

 private:
  struct occurrence {
    std::size_t begin;
    std::uint32_t token;
  };

  void insert(std::uint32_t token);
  void link();
  [[nodiscard]] std::uint32_t step(std::uint32_t state, std::uint8_t byte) const;
  [[nodiscard]] std::vector<occurrence> longest_at_each_start(std::string_view text) const;

  // A trie of the contents read backwards with failure links (Aho-Corasick). Read from the end of a
  // text to its start, its state tells the longest token that begins at each position.
  std::vector<added_token> tokens_;
  pair_map edges_;  ///< (state, byte) -> (state, 0)
  std::vector<std::uint32_t> parent_;
  std::vector<std::uint32_t> depth_;
  std::vector<std::uint8_t> byte_;
  std::vector<std::uint32_t> fail_;
  std::vector<std::uint32_t> longest_;      ///< the token, or `no_token`
  std::array<std::uint32_t, 256> start_{};  ///< the root's edges; the root where there is none
};

}  // namespace troupe::text
