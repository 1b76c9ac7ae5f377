#include "actors/bin/profile_run.hpp"

#include <algorithm>

#include "actors/bin/bench_requests.hpp"
#include "runtime/device/thread_usage.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::minutes patience{10};

profile_counts count(const device& compute) {
  const thread_usage threads = usage_of_threads("troupe.compute");
  return {compute.counters(), threads.yields, threads.preempts, usage_of_threads("caf.").yields};
}

/// Adds what is noted until the first of `asked` ends to `line`: it began first, and later steps
/// have fewer streams.
result<void> add_profile(profile_line& line, device& compute, const bench_requests::probes& asked,
                         const profile_counts& before, bench_probe::clock::time_point deadline) {
  const auto first = asked.front()->wait(deadline);
  const auto profile = compute.stop_profile();
  line.counts.add(before, count(compute));
  for (const auto& probe : asked)
    if (const auto times = probe->wait(deadline); !times) return fail(times.error());
  if (!profile) return fail(profile.error());
  line.profile.add(*profile);
  return {};
}

result<void> run(profile_line& line, bench_requests& requests, device& compute,
                 std::uint32_t tokens) {
  const bool prefill = line.test == "prefill";
  const auto deadline = bench_probe::clock::now() + patience;
  profile_counts before = count(compute);
  if (prefill) compute.start_profile();
  const auto asked = requests.submit(line.streams, line.prompt_tokens, prefill ? 1 : tokens);
  if (!asked) return fail(asked.error());
  if (!prefill) {
    for (const auto& probe : *asked)
      if (const auto begun = probe->wait_first(deadline); !begun) return fail(begun.error());
    before = count(compute);
    compute.start_profile();
  }
  return add_profile(line, compute, *asked, before, deadline);
}

}  // namespace

void profile_counts::add(const profile_counts& before, const profile_counts& after) {
  device.tasks += after.device.tasks - before.device.tasks;
  device.sleeps += after.device.sleeps - before.device.sleeps;
  device.wakes += after.device.wakes - before.device.wakes;
  compute_yields += after.compute_yields - before.compute_yields;
  compute_preempts += after.compute_preempts - before.compute_preempts;
  actor_yields += after.actor_yields - before.actor_yields;
}

result<std::vector<profile_line>> run_profile(generation_service& service, device& compute,
                                              std::uint32_t vocabulary,
                                              const bench_options& options,
                                              const bench_progress& progress) {
  std::vector<profile_line> lines;
  for (const std::uint32_t length : options.prompts)
    lines.push_back(
        {.test = "prefill", .prompt_tokens = length, .streams = 1, .profile = {}, .counts = {}});
  for (const std::uint32_t context : options.contexts)
    for (const std::uint32_t streams : options.streams)
      lines.push_back({.test = "decode",
                       .prompt_tokens = context,
                       .streams = streams,
                       .profile = {},
                       .counts = {}});
  bench_requests requests(service, vocabulary);
  // The first request pays for cold caches and lazily mapped weights.
  if (auto warm = requests.decode(1, 32, 8); !warm) return fail(warm.error());
  double done = 0;
  for (profile_line& line : lines) {
    progress(line.test, done++ / static_cast<double>(lines.size()));
    for (std::uint32_t i = 0; i < options.repetitions; ++i)
      if (auto ran = run(line, requests, compute, options.decode_tokens); !ran)
        return fail(ran.error());
  }
  return lines;
}

double share_of_limit(const operation_profile& operation, const device_limits& limits) {
  const auto least = [](double amount, double rate) { return rate > 0 ? amount / rate : 0; };
  const double arithmetic = operation.integer ? limits.integer_per_second : limits.float_per_second;
  const double needed = std::max(least(operation.bytes, limits.read_bytes_per_second),
                                 least(operation.operations, arithmetic));
  return operation.seconds > 0 ? needed / operation.seconds : 0;
}

}  // namespace troupe::cli
