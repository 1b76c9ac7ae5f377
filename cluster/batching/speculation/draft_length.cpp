#include "cluster/batching/speculation/draft_length.hpp"

#include <algorithm>

namespace troupe {

std::vector<std::uint32_t> choose_draft_lengths(
    std::span<const draft_candidate> candidates, std::uint32_t rows,
    const std::function<double(std::uint32_t)>& seconds) {
  std::vector<std::uint32_t> lengths(candidates.size(), 0);
  if (candidates.empty()) return lengths;
  std::vector<double> chance;  // that the next guessed token of each is drawn
  chance.reserve(candidates.size());
  for (const draft_candidate& c : candidates) chance.push_back(c.most > 0 ? c.rate : 0);

  auto used = static_cast<std::uint32_t>(candidates.size());
  double expected = used;
  double best = expected / seconds(used);
  std::vector<std::uint32_t> tried = lengths;
  while (used < rows) {
    const auto at = static_cast<std::size_t>(std::ranges::max_element(chance) - chance.begin());
    if (chance[at] <= 0) break;
    expected += chance[at];
    ++used;
    ++tried[at];
    chance[at] = tried[at] < candidates[at].most ? chance[at] * candidates[at].rate : 0;
    // Costs may rise in steps, so a row that does not pay may be followed by rows that do.
    if (const double gain = expected / seconds(used); gain > best) {
      best = gain;
      lengths = tried;
    }
  }
  return lengths;
}

}  // namespace troupe
