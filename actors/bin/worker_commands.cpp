#include "actors/bin/worker_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troupe::cli {

node_options node_options_by(const engine_config& engine, const cluster_config& cluster,
                             std::string log_level, log_format log_as) {
  node_options common;
  common.device = engine.device;
  common.threads = engine.threads;
  common.actor_threads = engine.actor_threads;
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
    own.memory_mib = memory_bytes >> 20U;
    // The link to the running program stays right when its file is replaced.
    workers.push_back({own.name, {"/proc/self/exe", command_line(own)}});
  }
  return workers;
}

}  // namespace troupe::cli
