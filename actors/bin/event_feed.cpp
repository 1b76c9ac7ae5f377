#include "actors/bin/event_feed.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cli {

std::vector<cluster_view::event> event_feed::news(const cluster_view& view) {
  std::vector<std::string> texts;
  for (const cluster_view::event& e : view.events) texts.push_back(e.text);
  // The longest end of what was seen that this view begins with; older ones have been dropped.
  std::size_t shared = std::min(seen_.size(), texts.size());
  while (shared > 0 &&
         !std::equal(seen_.end() - static_cast<std::ptrdiff_t>(shared), seen_.end(), texts.begin()))
    --shared;
  seen_ = std::move(texts);
  return {view.events.begin() + static_cast<std::ptrdiff_t>(shared), view.events.end()};
}

}  // namespace troupe::cli
