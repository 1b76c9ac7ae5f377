#include "actors/bin/local_cluster.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "actors/bin/progress.hpp"
#include "actors/bin/worker_commands.hpp"
#include "actors/engine/memory_plan.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::minutes serving_limit{10};

/// Progress on standard error; a signal meanwhile ends the process.
cluster_runtime::progress shown_on(progress_line& line, const interrupts& signals) {
  return [&](std::string_view stage, double done) {
    signals.deliver();
    line.show(stage, done);
  };
}

}  // namespace

result<std::unique_ptr<local_cluster>> local_cluster::start(const std::filesystem::path& model,
                                                            const serve_config& config,
                                                            const interrupts& signals,
                                                            worker_processes::notice tell) {
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  auto opened = open_model(model, shown_on(line, signals));
  if (!opened) return fail(std::move(opened.error()));
  const cluster_config& cluster = config.cluster;
  auto head = cluster_runtime::start(
      std::move(*opened), {model, config.engine, cluster, cluster.workers + cluster.expert_workers,
                           0, most_nodes(config.autoscale)});
  if (!head) return fail(std::move(head.error()));
  node_options common = node_options_by(config.engine, cluster, config.log_level, config.log_as);
  common.join = (*head)->join_address();
  common.model = model;
  // Each has its part of the memory from the beginning, also where others come later only.
  const bool grows = config.autoscale.means == scale_means::processes;
  const std::uint32_t most =
      grows ? std::max(config.autoscale.most, cluster.workers) : cluster.workers;
  const std::uint32_t nodes = most + cluster.expert_workers;
  auto all = worker_commands(common, nodes, available_memory() / nodes, cluster.expert_workers);
  // Those for experts are the last, and are there from the beginning.
  const auto first_expert = all.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<worker_processes::worker> at_once(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cluster.workers));
  at_once.insert(at_once.end(), first_expert, all.end());
  all.erase(first_expert, all.end());
  auto workers = worker_processes::start(std::move(at_once), std::move(tell));
  if (!workers) return fail(std::move(workers.error()));
  return std::unique_ptr<local_cluster>(
      new local_cluster(std::move(*head), std::move(*workers), std::move(all)));
}

result<void> local_cluster::await_serving(const interrupts& signals) {
  progress_line line(stderr, ::isatty(STDERR_FILENO) == 1);
  return head_->await_serving(serving_limit, shown_on(line, signals));
}

}  // namespace troupe::cli
