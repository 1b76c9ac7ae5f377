#pragma once

#include <cstdint>
#include <string>

namespace troupe {

/// The structural tag with the bounds on the lengths of its schemas' strings said as patterns: the
/// same texts, of which the library then has every place's tokens worked out beforehand. Of lengths
/// it would try thousands of tokens for each that is drawn near a string's end.
/// Lengths are left as they are where the library would not take a pattern to mean the same, where
/// they are long, and where a vocabulary of `vocab` tokens would make all of them too many to work
/// out, the longest of them first. Empty: nothing is to be said otherwise. Throws std::bad_alloc.
[[nodiscard]] std::string lengths_as_patterns(const std::string& structure, std::uint32_t vocab);

}  // namespace troupe
