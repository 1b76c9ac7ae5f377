#include "runtime/engine/team/team_device.hpp"

#include <algorithm>
#include <cstring>
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

void team_device::written(const void* at, std::size_t bytes) {
  if (!exchange_.memory().has(at)) return;
  for (std::uint32_t r = 1; r < ranks(); ++r)
    std::memcpy(exchange_.memory().find(at, r), at, bytes);
}

}  // namespace troupe
