#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/bin/bench_run.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/base/result.hpp"
#include "runtime/device/device.hpp"

namespace troupe::cli {

/// System calls and the like meanwhile.
struct profile_counts {
  device_counters device;
  std::uint64_t compute_yields = 0;    ///< times a compute thread slept or blocked
  std::uint64_t compute_preempts = 0;  ///< times the kernel put one aside
  std::uint64_t actor_yields = 0;      ///< times a thread of the actors slept or blocked
  void add(const profile_counts& before, const profile_counts& after);
};

/// Where the time of one test went.
struct profile_line {
  std::string test;  ///< "prefill" or "decode"
  std::uint32_t prompt_tokens = 0;
  std::uint32_t streams = 0;
  device_profile profile;
  profile_counts counts;
};

/// Profiles what run_bench would measure, the repetitions of each test added up. A prefill's
/// profile holds the whole request; a decode's, the steps from when every stream has begun to when
/// the first ends.
[[nodiscard]] result<std::vector<profile_line>> run_profile(generation_service& service,
                                                            device& compute,
                                                            std::uint32_t vocabulary,
                                                            const bench_options& options,
                                                            const bench_progress& progress);

/// What share of the reachable speed an operation has: the least time that `limits` allow for its
/// bytes and its arithmetic, as a part of the time it took. More than 1 means from the caches.
[[nodiscard]] double share_of_limit(const operation_profile& operation,
                                    const device_limits& limits);

[[nodiscard]] std::string to_text(const device_limits& limits,
                                  const std::vector<profile_line>& lines);
[[nodiscard]] boost::json::object to_json(const device_limits& limits,
                                          const std::vector<profile_line>& lines);

}  // namespace troupe::cli
