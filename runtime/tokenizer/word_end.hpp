#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/tokenizer/spec.hpp"

namespace troupe::text {

/// Where the word that begins at `begin` (less than `text.size()`) ends, as the pattern `split`
/// cuts it; always past `begin`. Calling it again from there yields every word in time linear in
/// `text`.
///
/// The patterns are regular expressions with one look-ahead; each alternative is decided here by
/// looking at a bounded number of runs, so nothing is ever tried twice:
///   gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///   qwen2   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
///           \s*[\r\n]+|\s+(?!\S)|\s+
///   llama3  qwen2's with \p{N}{1,3}
///   smollm  every \p{N} isolated, then gpt2's on what lies between
[[nodiscard]] std::size_t word_end(std::string_view text, std::size_t begin, pre_tokenizer split);

}  // namespace troupe::text
