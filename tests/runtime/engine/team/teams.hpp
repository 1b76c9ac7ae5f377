#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/team/team_device.hpp"
#include "tests/runtime/engine/emulated_device.hpp"

namespace troupe::test {

inline constexpr auto patient = std::chrono::minutes(2);

/// Devices of one kind, and a team of them.
struct built_team {
  team_ranks ranks;
  std::shared_ptr<team_device> team;
};

[[nodiscard]] inline built_team team_of(team_ranks ranks,
                                        std::chrono::milliseconds deadline = patient) {
  auto team = std::make_shared<team_device>(ranks, host_links(deadline));
  return {std::move(ranks), std::move(team)};
}

[[nodiscard]] inline built_team team_of_gpus(std::uint32_t count) {
  team_ranks ranks;
  for (std::uint32_t r = 0; r < count; ++r)
    ranks.push_back(std::make_shared<emulated_device>(r + 1));
  return team_of(std::move(ranks));
}

[[nodiscard]] inline built_team team_of_processors(std::uint32_t count,
                                                   std::chrono::milliseconds deadline = patient) {
  team_ranks ranks;
  for (std::uint32_t r = 0; r < count; ++r)
    ranks.push_back(std::make_shared<cpu_device>(
        processor_use{.threads = 1, .pin = false, .first = 0, .shared = true}));
  return team_of(std::move(ranks), deadline);
}

}  // namespace troupe::test
