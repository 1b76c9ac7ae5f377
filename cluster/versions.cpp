#include "cluster/versions.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace troupe {
namespace {

/// Major, minor, patch.
std::optional<std::array<std::uint32_t, 3>> numbers(std::string_view text) {
  std::array<std::uint32_t, 3> out{};
  const char* at = text.data();
  const char* end = text.data() + text.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto read = std::from_chars(at, end, out[i]);
    if (read.ec != std::errc()) return std::nullopt;
    at = read.ptr;
  }
  if (at != end) return std::nullopt;
  return out;
}

}  // namespace

bool versions_fit(std::string_view one, std::string_view other) {
  const auto a = numbers(one);
  const auto b = numbers(other);
  if (!a || !b || (*a)[0] != (*b)[0]) return false;
  return (*a)[1] <= (*b)[1] ? (*b)[1] - (*a)[1] <= 1 : (*a)[1] - (*b)[1] <= 1;
}

}  // namespace troupe
