#include "cluster/step_deadline.hpp"

#include <algorithm>
#include <span>

namespace troupe {

void step_deadline::observe(std::uint32_t rows, duration took) {
  recent_[observed_ % kept] = {std::max(rows, 1U), std::max(took, duration{0})};
  ++observed_;
}

step_deadline::duration step_deadline::allowed(std::uint32_t rows) const {
  if (observed_ == 0) return limits_.ceiling;
  const std::span recent(recent_.data(),
                         static_cast<std::size_t>(std::min<std::uint64_t>(observed_, kept)));
  // A step never costs more than in proportion to its rows: its fixed part is there once. Steps of
  // about that size or more tell best; where there were none, the largest.
  const std::uint32_t largest = std::ranges::max(recent, {}, &seen::rows).rows;
  const std::uint32_t least = std::min(largest, (std::max(rows, 1U) + 1) / 2);
  double seconds = 0;
  for (const seen& s : recent) {
    if (s.rows < least) continue;
    const double scale = std::max(1.0, static_cast<double>(rows) / s.rows);
    seconds = std::max(seconds, std::chrono::duration<double>(s.took).count() * scale);
  }
  const double most = std::chrono::duration<double>(limits_.ceiling).count();
  return std::max(limits_.floor, std::chrono::duration_cast<duration>(std::chrono::duration<double>(
                                     std::min(most, seconds * limits_.multiple))));
}

}  // namespace troupe
