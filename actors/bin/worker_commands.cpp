#include "actors/bin/worker_commands.hpp"

#include <fmt/format.h>

namespace troupe::cli {

std::vector<worker_processes::worker> worker_commands(const node_options& common,
                                                      std::span<const processor_share> shares,
                                                      std::size_t memory_bytes) {
  std::vector<worker_processes::worker> workers;
  workers.reserve(shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    node_options own = common;
    own.name = fmt::format("{}{}worker-{}", common.name, common.name.empty() ? "" : "-", i);
    own.threads = shares[i].threads;
    own.memory_mib = memory_bytes >> 20U;
    // The link to the running program stays right when its file is replaced.
    workers.push_back({own.name, {"/proc/self/exe", command_line(own), shares[i].processors}});
  }
  return workers;
}

}  // namespace troupe::cli
