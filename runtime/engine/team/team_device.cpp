#include "runtime/engine/team/team_device.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

team_device::team_device(team_ranks ranks, team_link_maker make, team_link::ended_fn ended)
    : exchange_(std::move(ranks), std::move(make), std::move(ended)), backend_(exchange_) {}

std::uint32_t team_device::width() const {
  std::uint32_t all = 0;
  for (const auto& rank : exchange_.ranks()) all += rank->width();
  return all;
}

std::size_t team_device::free_memory() const {
  std::size_t least = first().free_memory();
  for (const auto& rank : exchange_.ranks()) least = std::min(least, rank->free_memory());
  return least * ranks();
}

}  // namespace troupe
