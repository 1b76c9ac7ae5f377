#include "cluster/steps_at_once.hpp"

#include <algorithm>
#include <set>

namespace troupe {

std::uint32_t steps_at_once(std::span<const stage_place> stages, const std::string& host,
                            std::uint32_t processors) {
  std::set<peer_id> elsewhere;
  std::set<peer_id> here;
  std::uint64_t threads = 0;  // of those here
  for (const stage_place& s : stages) {
    if (s.host != host)
      elsewhere.insert(s.node);
    else if (here.insert(s.node).second)
      threads += s.threads;
  }
  std::uint64_t at_once = here.size();
  if (threads > processors)
    at_once = std::max<std::uint64_t>(1, (here.size() * processors + threads / 2) / threads);
  return static_cast<std::uint32_t>(
      std::max<std::uint64_t>(1, elsewhere.size() + std::min<std::uint64_t>(at_once, here.size())));
}

}  // namespace troupe
