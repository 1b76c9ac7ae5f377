#include "actors/gateway/sse_parser.hpp"

#include <algorithm>
#include <utility>

namespace troupe::gateway {

bool sse_parser::feed(std::string_view bytes, const on_data& emit) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (line_.size() + data_.size() + std::min(end, bytes.size()) > limit_) return false;
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const std::string line = std::exchange(line_, {});
    if (!take_line(line, emit)) return false;
  }
  return true;
}

bool sse_parser::take_line(std::string_view line, const on_data& emit) {
  constexpr std::string_view field = "data:";
  if (line.empty()) {
    const std::string data = std::exchange(data_, {});
    return !std::exchange(has_data_, false) || emit(data);
  }
  if (!line.starts_with(field)) return true;
  line.remove_prefix(field.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (std::exchange(has_data_, true)) data_ += '\n';
  data_ += line;
  return true;
}

}  // namespace troupe::gateway
