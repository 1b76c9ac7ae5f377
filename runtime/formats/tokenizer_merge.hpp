#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

/// "Ġ t" as a pair. The byte alphabet has no space, so a merge holds exactly one, between two parts
/// that are not empty; anything else gives nothing.
[[nodiscard]] inline std::optional<std::pair<std::string, std::string>> split_merge(
    std::string_view merge) {
  const std::size_t space = merge.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == merge.size())
    return std::nullopt;
  const std::string_view right = merge.substr(space + 1);
  if (right.find(' ') != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(merge.substr(0, space)), std::string(right));
}

}  // namespace troupe
