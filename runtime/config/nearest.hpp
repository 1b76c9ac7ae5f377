#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace troupe {

/// Fewest insertions, deletions, substitutions and swaps of neighbours that turn one into the
/// other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate most like `word`, or an empty view where none is close enough to be a slip of the
/// fingers. The view is one of `candidates`.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

}  // namespace troupe
