#include "runtime/api/event_frame.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <utility>

namespace troupe {

std::string in_one_line(std::string_view json) {
  using escape = std::pair<std::string_view, std::string_view>;
  constexpr std::array<escape, 3> escapes{
      {{"\xc2\x85", "\\u0085"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}}};
  std::string line;
  line.reserve(json.size());
  for (std::size_t from = 0;;) {
    const std::size_t at = json.find_first_of("\xc2\xe2", from);
    line += json.substr(from, at - from);
    if (at == std::string_view::npos) return line;
    from = at + 1;
    std::string_view written = json.substr(at, 1);
    for (const auto& [character, escaped] : escapes) {
      if (!json.substr(at).starts_with(character)) continue;
      written = escaped;
      from = at + character.size();
    }
    line += written;
  }
}

std::string event_frame(std::string_view json, std::string_view name) {
  if (name.empty()) return fmt::format("data: {}\n\n", in_one_line(json));
  return fmt::format("event: {}\ndata: {}\n\n", name, in_one_line(json));
}

}  // namespace troupe
