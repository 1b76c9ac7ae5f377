#include "runtime/api/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

stop_matcher::stop_matcher(std::vector<std::string> stops, bool include)
    : stops_(std::move(stops)), include_(include) {}

std::string stop_matcher::push(std::string_view text) {
  if (matched_) return {};
  held_ += text;
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const std::size_t after = at + stop.size();
    if (after < end || (after == end && at < begin)) {
      begin = at;
      end = after;
    }
  }
  if (end != std::string::npos) {
    matched_ = true;
    std::string out = held_.substr(0, include_ ? end : begin);
    held_.clear();
    return out;
  }
  const std::size_t keep = undecided();
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string stop_matcher::pass(std::string_view text) {
  if (matched_) return {};
  std::string out = std::exchange(held_, {});
  out += text;
  return out;
}

std::string stop_matcher::finish() { return std::exchange(held_, {}); }

/// Length of the longest end of the text that some stop string begins with.
std::size_t stop_matcher::undecided() const {
  std::size_t longest = 0;
  const std::string_view text = held_;
  for (const std::string& stop : stops_) {
    std::size_t n = std::min(stop.size() - 1, text.size());
    while (n > longest && text.substr(text.size() - n) != std::string_view(stop).substr(0, n)) --n;
    longest = std::max(longest, n);
  }
  return longest;
}

}  // namespace troupe
