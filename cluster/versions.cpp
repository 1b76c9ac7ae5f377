#include "cluster/versions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace troupe {
namespace {

/// What a build adds to a release's version: "+site3", "~rc1".
bool is_suffix(std::string_view text) {
  constexpr std::size_t longest = 64;
  const auto belongs = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("+-~.").find(c) != std::string_view::npos;
  };
  return text.size() >= 2 && text.size() <= longest &&
         std::string_view("+-~").find(text.front()) != std::string_view::npos &&
         std::ranges::all_of(text, belongs);
}

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
  if (at != end && !is_suffix({at, static_cast<std::size_t>(end - at)})) return std::nullopt;
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
