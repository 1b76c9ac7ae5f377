#include "actors/bin/processor_shares.hpp"

#include <sched.h>

#include <algorithm>
#include <cstddef>

namespace troupe::cli {
namespace {

/// The part of `whole` that number `index` of `parts` gets: equal but for one.
std::size_t part_of(std::size_t whole, std::size_t parts, std::size_t index) {
  return whole / parts + (index < whole % parts ? 1 : 0);
}

}  // namespace

std::vector<int> allowed_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> numbers;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return numbers;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &allowed)) numbers.push_back(i);
  return numbers;
}

std::vector<processor_share> share_processors(std::span<const int> processors,
                                              std::uint32_t workers, std::uint32_t threads) {
  const std::size_t wanted =
      std::max<std::size_t>(threads == 0 ? processors.size() : threads, std::size_t{1});
  // Fewer threads than processors leave the last processors to others.
  const std::size_t used = std::min(processors.size(), wanted);
  std::vector<processor_share> shares(workers);
  std::size_t next = 0;
  for (std::size_t i = 0; i < workers; ++i) {
    processor_share& share = shares[i];
    share.threads = static_cast<std::uint32_t>(
        std::max<std::size_t>(part_of(wanted, workers, i), std::size_t{1}));
    if (used == 0) continue;
    const std::size_t count = std::max<std::size_t>(part_of(used, workers, i), std::size_t{1});
    const std::size_t first = used >= workers ? next : i % used;
    const auto mine = processors.subspan(first, count);
    share.processors.assign(mine.begin(), mine.end());
    next += count;
  }
  return shares;
}

}  // namespace troupe::cli
