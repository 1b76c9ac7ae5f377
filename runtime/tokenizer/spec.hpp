#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/token.hpp"

namespace troupe {

/// How text is cut into words before byte-pair merging.
enum class pre_tokenizer : std::uint8_t {
  gpt2,    ///< GPT-2's pattern
  qwen2,   ///< Qwen's pattern: single digits, case-insensitive contractions
  llama3,  ///< like Qwen's with digits in groups of one to three
  smollm,  ///< every digit alone, then GPT-2's pattern
};

/// A token matched literally in the text before anything else is done to it.
struct added_token {
  token_id id = 0;
  std::string content;
  bool special = false;      ///< left out of text shown to people
  bool normalized = false;   ///< matched after normalisation rather than before
  bool lstrip = false;       ///< swallows white space on its left
  bool rstrip = false;       ///< swallows white space on its right
  bool single_word = false;  ///< matches only between non-word characters
};

/// A byte-level BPE tokenizer as data, whichever file it came from.
struct tokenizer_spec {
  /// Token text in GPT-2's byte alphabet by id (added tokens: their plain content). Holes are
  /// empty.
  std::vector<std::string> tokens;
  /// Pairs of token texts in the byte alphabet, best first.
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<added_token> added;
  pre_tokenizer split = pre_tokenizer::gpt2;
  bool nfc = false;
  bool add_prefix_space = false;
  /// BPE option `ignore_merges`: a word that is itself a token is taken whole.
  bool ignore_merges = false;
  /// Tokens put before and after a text by the model's own rule (BOS, EOS); empty for most.
  std::vector<token_id> prefix;
  std::vector<token_id> suffix;
  std::optional<token_id> bos;
  std::optional<token_id> eos;
  /// What a byte that the vocabulary lacks becomes, unless it is special: then, and without it,
  /// such a byte is dropped, so that no text turns into a control token.
  std::optional<token_id> unknown;
  std::optional<token_id> padding;
};

}  // namespace troupe
