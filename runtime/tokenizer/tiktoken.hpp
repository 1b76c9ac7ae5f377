#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

/// Reads a `.tiktoken` vocabulary: lines of a token's bytes in base64, a space and its rank.
/// Returns the tokens by rank; a rank that no line gives is an empty string. Fails with corrupt
/// (naming the line) or out_of_range (more ranks than a vocabulary may have).
[[nodiscard]] result<std::vector<std::string>> parse_tiktoken(std::string_view file);

/// A specification in which ids are ranks and merge as tiktoken merges: whichever neighbours make
/// the best-ranked token. Caller adds the added tokens and the pre-tokenizer.
///
/// A token's rule is the pair that merging its bytes with all better ranks ends in. A token for
/// which that is not a pair gets none, and is made only where it is a whole word.
[[nodiscard]] tokenizer_spec spec_from_ranks(std::span<const std::string> tokens);

}  // namespace troupe
