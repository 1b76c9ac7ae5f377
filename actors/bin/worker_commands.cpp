#include "actors/bin/worker_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troupe::cli {

namespace {
constexpr std::size_t mib = std::size_t{1} << 20U;
}  // namespace

node_options node_options_by(const engine_config& engine, const cluster_config& cluster,
                             std::string log_level, log_format log_as) {
  node_options common;
  common.device = engine.device;
  common.tensor_parallel = engine.tensor_parallel;
  common.threads = engine.threads;
  common.graph_rows = engine.graph_rows;
  common.actor_threads = engine.actor_threads;
  common.tiers = engine.cache.tiers;
  common.data = cluster.data;
  common.tls = cluster.tls;
  common.log_level = std::move(log_level);
  common.log_as = log_as;
  return common;
}

std::vector<worker_processes::worker> worker_commands(const node_options& common, std::size_t count,
                                                      std::size_t memory_bytes,
                                                      std::size_t expert_workers) {
  const std::size_t ordinary = count - std::min(count, expert_workers);
  std::vector<worker_processes::worker> workers;
  workers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    node_options own = common;
    own.experts_only = i >= ordinary;
    const std::string_view kind = own.experts_only ? "expert" : "worker";
    own.name = fmt::format("{}{}{}-{}", common.name, common.name.empty() ? "" : "-", kind,
                           own.experts_only ? i - ordinary : i);
    own.turns = static_cast<std::uint32_t>(count);
    // Each has an even part of the tiers, its own in memory.
    own.tiers.host_bytes /= count;
    own.tiers.disk_bytes /= count;
    if (memory_bytes > 0)
      own.memory_mib =
          std::max(memory_bytes - std::min(memory_bytes, own.tiers.host_bytes), mib) >> 20U;
    // The link to the running program stays right when its file is replaced.
    workers.push_back({own.name, {"/proc/self/exe", command_line(own)}});
  }
  return workers;
}

}  // namespace troupe::cli
